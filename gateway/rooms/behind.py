"""Since when tenants lack events here that PostgreSQL has: the age by which a gateway is behind, however many they are.

Knows rooms. A tenant that is busy is behind for moments all the time; its age begins anew whenever what it lacked has
come, so that only who gets nothing grows old.
"""

from collections.abc import Iterable, Mapping

from backbone.contract.offset import Offset
from gateway.rooms.room import Room


class Behind:
    """`rooms` are the open ones by their tenants, whichever they are at the moment."""

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self._rooms = rooms
        # The offset that each is to reach, and since when that is known.
        self._waiting: dict[str, tuple[Offset, float]] = {}

    def look(self, told: Iterable[str], now: float) -> float:
        """Return the longest wait in seconds. `told`: the tenants of whom PostgreSQL knew something new."""
        for tenant in {*told, *self._waiting}:
            room = self._rooms.get(tenant)
            if room is None or not room.log.behind:
                self._waiting.pop(tenant, None)
                continue
            goal, since = self._waiting.get(tenant, (room.log.known_head, now))
            reached = Offset(room.log.epoch, room.log.head_seq) >= goal
            self._waiting[tenant] = (room.log.known_head, now) if reached else (goal, since)
        return max((now - since for _, since in self._waiting.values()), default=0.0)
