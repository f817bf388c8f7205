"""The words that say what is stored: soon, seldom enough, and never ahead of the disk. Pure."""

from collections import deque
from typing import Any

from bellwire_terminal.core.wait import Wait

ACK_MS = 250
EVENTS_AN_ACK = 32
ORDERS_AN_ACK = 500
AGAIN_MS = 1_000
LONGEST_AGAIN_MS = 30_000


class Acks:
    """Offsets and orders that are stored and not acknowledged yet; over HTTP one request at a time."""

    def __init__(self) -> None:
        self.acked: str | None = None
        self._stored = 0
        self._soon_at: int | None = None
        self._orders: deque[str] = deque()
        self._under_way: dict[str, Any] | None = None
        self._wait = Wait()
        self._failures = 0

    def due(self, *, frames: bool, posts: bool) -> int | None:
        """When to look again, in milliseconds: at nothing that could not be said then.

        `frames`: there is a WebSocket. `posts`: there is a reading to post for, one request after the other.
        """
        says = frames or (posts and self._under_way is None and self._wait.until is None)
        times = (self._soon_at if says else None, self._wait.until)
        return min((at for at in times if at is not None), default=None)

    def stored(self) -> None:
        """One more event is on the disk."""
        self._stored += 1

    def shown(self, order_ids: list[str]) -> None:
        """A snapshot showed these orders."""
        self._orders.extend(order_ids)

    def frame(self, cursor: str | None, now: int, *, idle: bool) -> dict[str, Any] | None:
        """The ack to send on a WebSocket now, if any."""
        if not self._is_time(cursor, now, idle=idle):
            return None
        self.acked = cursor
        return {"type": "ack", "offset": cursor}

    def request(
        self, cursor: str | None, reading: str | None, now: int, *, idle: bool
    ) -> dict[str, Any] | None:
        """The body to post now, if any: of orders that a list showed at every door, of the stream where `reading`."""
        resting = self._wait.until is not None and not self._wait.is_over(now)
        if self._under_way is not None or resting:
            return None
        self._wait.over()
        if self._orders:
            ids = [self._orders[n] for n in range(min(ORDERS_AN_ACK, len(self._orders)))]
            self._under_way = {"orderIds": ids}
        elif reading is not None and self._is_time(cursor, now, idle=idle):
            self._under_way = {"offset": cursor, "reading": reading}
        return self._under_way

    def _is_time(self, cursor: str | None, now: int, *, idle: bool) -> bool:
        if cursor is None or cursor == self.acked:
            self._soon_at = None
            return False
        if idle or self._stored >= EVENTS_AN_ACK or (self._soon_at is not None and now >= self._soon_at):
            self._stored, self._soon_at = 0, None
            return True
        if self._soon_at is None:
            self._soon_at = now + ACK_MS
        return False

    def posted(self) -> None:
        """The request was answered with 204."""
        if self._under_way is None:
            return
        body, self._under_way, self._failures = self._under_way, None, 0
        if "offset" in body:
            self.acked = body["offset"]
        for _ in body.get("orderIds", ()):
            self._orders.popleft()

    def online(self, now: int, chance: float) -> None:
        """There is a network again."""
        self._wait.online(now, chance, trying=self._under_way is not None)

    def failed(
        self, now: int, chance: float, retry_after_ms: int | None, *, passing: bool
    ) -> dict[str, Any] | None:
        """It was not; returns the body that is given up, where no other try would help."""
        body, self._under_way = self._under_way, None
        if body is None:
            return None
        if passing:
            pause = min(LONGEST_AGAIN_MS, retry_after_ms or AGAIN_MS * 2 ** min(self._failures, 10))
            self._failures += 1
            self._wait.begin(now, pause, chance, fixed=bool(retry_after_ms))
            return None
        if "offset" in body:
            self.acked = body["offset"]
        for _ in body.get("orderIds", ()):
            self._orders.popleft()
        return body
