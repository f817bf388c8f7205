"""The outcome of a run, as locust's process leaves it in a file for the one who judges."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from loadtests.core.record import Record


@dataclass(slots=True)
class Outcome:
    """`said` is how far each terminal ever acked; `placed` are orders to look at: slug, order, offset. Unix times.

    `problems` are things that were not tested, `failed` is why nothing was.
    """

    began: float
    ended: float
    record: Record
    said: dict[str, str | None] = field(default_factory=dict)
    placed: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failed: str | None = None
    workers: int = 1

    def write(self, path: Path) -> None:
        """Write it."""
        content = {name: getattr(self, name) for name in self.__slots__} | {"record": self.record.delta()}
        path.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it."""
        content = json.loads(path.read_text(encoding="utf-8"))
        record = Record()
        record.add(content.pop("record"))
        placed = [(slug, order, offset) for slug, order, offset in content.pop("placed")]
        return cls(**content, record=record, placed=placed)
