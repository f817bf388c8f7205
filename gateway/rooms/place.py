"""Where a session stands in its room, and every way from one place to another. Pure.

`MOVES` is the table: docs/architecture.md draws its diagram from it, and tests/gateway/test_places.py walks a room at
random and sees these moves, all of them and no others.
"""

from enum import Enum
from typing import NamedTuple


class Place(Enum):
    """Where a session stands; see `gateway.rooms.room.Room.place_of`."""

    LIVE = "live"
    LAGGING = "lagging"
    PAUSED = "paused"
    GONE = "gone"


class Move(NamedTuple):
    """A session that stood at `start` stands at `end` after `cause`, a method of the room or of its broadcast."""

    start: Place
    cause: str
    end: Place


def _moves(cause: str, starts: tuple[Place, ...], ends: tuple[Place, ...]) -> set[Move]:
    return {Move(start, cause, end) for start in starts for end in ends if start is not end}


_OPEN = (Place.LIVE, Place.LAGGING, Place.PAUSED)

MOVES = frozenset(
    _moves("enter", (Place.GONE,), _OPEN)
    | _moves("leave", _OPEN, (Place.GONE,))
    | _moves("on_paused", (Place.LIVE, Place.LAGGING), (Place.PAUSED,))
    # Writable again: to the head, or on with the replay.
    | _moves("on_writable", (Place.PAUSED,), (Place.LIVE, Place.LAGGING))
    # The replayer brought it to the head; a head that has moved on meanwhile leaves it where it is.
    | _moves("settle", (Place.LAGGING,), (Place.LIVE,))
    # A live one whose next event is no longer in the ring.
    | _moves("take_turn", (Place.LIVE,), (Place.LAGGING,))
    | _moves("lose_history", (Place.LIVE,), (Place.LAGGING,))
    # A session that lagged may stand at the new head at once; one that was live may lag behind it.
    | _moves("change_epoch", (Place.LAGGING,), (Place.LIVE,))
    | _moves("change_epoch", (Place.LIVE,), (Place.LAGGING,))
)


def diagram() -> str:
    """Return `MOVES` as a Mermaid state diagram; `[*]` is GONE."""
    names = {place: place.value if place is not Place.GONE else "[*]" for place in Place}
    causes: dict[tuple[Place, Place], set[str]] = {}
    for move in MOVES:
        causes.setdefault((move.start, move.end), set()).add(move.cause)
    lines = [
        f"    {names[start]} --> {names[end]}: {', '.join(sorted(found))}"
        for (start, end), found in causes.items()
    ]
    return "\n".join(["stateDiagram-v2", *sorted(lines)])
