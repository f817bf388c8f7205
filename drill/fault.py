"""A fault: how it is brought about and mended, and the alerts that it has to bring."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from drill.place import Place


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table, in a module of its own. All times are real seconds by the rules as they are.

    `broken` is entered to break it, and left to mend it. `fires` have to fire then, and to end afterwards. `may` are
    alerts that may come besides, each with why; any other that fires is wrong. `lasts` are those of both that go on for
    longer than the drill waits, each with why.
    """

    name: str
    says: str
    broken: Callable[[Place], AbstractContextManager[None]]
    fires: tuple[str, ...] = ()
    may: Mapping[str, str] = field(default_factory=dict)
    lasts: Mapping[str, str] = field(default_factory=dict)
    # The longest time that it stays broken.
    patience: float = 600.0
    # How long Prometheus sees the cluster whole before it is broken.
    warm: float = 150.0
    # The least time that it stays broken; all of it, where it brings no alert.
    stays: float = 60.0
