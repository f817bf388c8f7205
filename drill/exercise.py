"""An exercise: something that operators have to be able to do, done for real and measured. A value, and no server.

To add one: a module `drill/exercises/<name>.py` with an `EXERCISE`, named in `drill/exercises/__init__.py`.
`make drill ARGS=<name>` runs it, and `--page` puts its text between `<!-- drill <name>: begin -->` and its `end`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Findings:
    """The figures as Markdown, and a sentence for each thing that was not as it has to be."""

    text: str
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Exercise:
    """`run` starts what it needs, says what it does, and leaves nothing behind."""

    name: str
    says: str
    run: Callable[[Say], Findings]
