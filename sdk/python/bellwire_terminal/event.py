"""One thing to handle, as its owner gets it."""

from collections.abc import Iterator, Mapping
from typing import Any


class Event(Mapping[str, Any]):
    """An event of the contract, readable as its object: `event["offset"]`, `event["data"]`.

    Two are the SDK's own: `snapshot` (history could not be replayed, or the start asked for it: `data["orders"]` are
    the open orders, `data["reason"]` says why) and, where no snapshots are wanted, `reset`.
    """

    __slots__ = ("_document", "attempt", "kind", "thin")

    def __init__(
        self, document: dict[str, Any], kind: str = "event", attempt: int = 1, *, thin: bool = False
    ) -> None:
        self._document = document
        self.kind = kind
        self.attempt = attempt
        self.thin = thin

    @classmethod
    def of(cls, delivered: dict[str, Any]) -> "Event":
        """The event of a machine's `deliver`."""
        kind, attempt = delivered["kind"], delivered["attempt"]
        if kind == "event":
            return cls(delivered["event"], kind, attempt, thin=delivered.get("thin", False))
        data = {name: delivered[name] for name in ("orders", "reason", "to") if name in delivered}
        return cls({"type": kind, "offset": delivered["offset"], "data": data}, kind, attempt)

    @property
    def offset(self) -> str:
        """Its position; opaque."""
        return str(self._document["offset"])

    @property
    def type(self) -> str:
        """Its type."""
        return str(self._document["type"])

    @property
    def data(self) -> dict[str, Any]:
        """Its content."""
        data: dict[str, Any] = self._document["data"]
        return data

    def __getitem__(self, name: str) -> Any:
        return self._document[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)

    def __repr__(self) -> str:
        return f"Event({self.type} {self.offset})"
