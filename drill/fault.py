"""A fault: how it is brought about, how it is mended, and the alerts that it has to bring. Values, and no server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drill.place import Place

Act = Callable[[Place], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table, in a module of its own.

    `fires` have to fire, and have to end when it is mended. `may` are alerts that may come besides, each with why; any
    other that fires is wrong. `lasts` are those of both that go on for longer than the drill waits, each with why.
    """

    name: str
    says: str
    act: Act
    mend: Act
    fires: tuple[str, ...] = ()
    may: Mapping[str, str] = field(default_factory=dict)
    lasts: Mapping[str, str] = field(default_factory=dict)
    # Real seconds, by the rules as they are; a run with a factor waits so many times less.
    patience: float = 600.0
    # How long Prometheus sees the cluster whole before it is broken.
    warm: float = 150.0
    # The least time that it stays broken; that of a fault which brings no alert.
    stays: float = 60.0


def nothing(_: Place) -> None:
    """The broken part is whole again by itself."""
