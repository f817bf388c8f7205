"""The words that a machine is made with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DOORS = ("websocket", "sse", "poll")
FILTERS = ("types", "stations", "categories")


@dataclass(frozen=True, slots=True)
class Config:
    """One terminal's wishes; `of` reads them from JSON, as the vectors have them.

    `start` is where a terminal begins that has no cursor: `acked`, `head`, `snapshot`, or an offset. `filter` maps
    `types`, `stations`, `categories` to lists. `window` bounds the events that were received and not handled yet.
    """

    tenant: str
    start: str = "acked"
    filter: tuple[tuple[str, tuple[str, ...]], ...] = ()
    doors: tuple[str, ...] = DOORS
    acks: bool = True
    snapshots: bool = True
    window: int = 64
    attempts: int = 3
    on_damage: str = "stop"

    def __post_init__(self) -> None:
        if not self.doors or any(door not in DOORS for door in self.doors):
            raise ValueError(f"doors are some of {', '.join(DOORS)}, and not {self.doors!r}")
        if any(name not in FILTERS for name, _ in self.filter):
            raise ValueError(f"a filter has {', '.join(FILTERS)}, and not {dict(self.filter)!r}")
        if self.window < 1 or self.attempts < 1:
            raise ValueError("window and attempts are at least 1")
        if self.on_damage not in ("stop", "acked"):
            raise ValueError(f"on_damage is stop or acked, and not {self.on_damage!r}")
        if not self.start:
            raise ValueError("start is acked, head, snapshot or an offset")

    @classmethod
    def of(cls, wishes: Mapping[str, Any]) -> "Config":
        """Read it from JSON. An unknown member is an error: a wish that is not understood is not passed over.

        Raises:
            ValueError: a member is unknown or wrong.
        """
        names = {
            "tenant": "tenant", "start": "start", "filter": "filter", "doors": "doors", "acks": "acks",
            "snapshots": "snapshots", "window": "window", "attempts": "attempts", "onDamage": "on_damage",
        }  # fmt: skip
        unknown = wishes.keys() - names.keys()
        if unknown:
            raise ValueError(f"no such wish: {', '.join(sorted(unknown))}")
        read: dict[str, Any] = {names[name]: value for name, value in wishes.items()}
        if "filter" in read:
            read["filter"] = tuple(
                (name, tuple(sorted(set(values))))
                for name, values in sorted(read["filter"].items())
                if values
            )
        if "doors" in read:
            read["doors"] = tuple(read["doors"])
        return cls(**read)

    @property
    def filter_json(self) -> dict[str, list[str]]:
        """The filter as it is sent and kept: lists, sorted, without those that are empty."""
        return {name: list(values) for name, values in self.filter}
