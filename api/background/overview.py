"""One look a second at the whole installation, for all operators who watch from this pod; none while nobody does.

It begins with the first watcher and ends with the last, so a hundred open consoles ask the databases what one does. A
frame is made once and handed to all. While PostgreSQL is away frames go on, with what was known last and since when.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.core.overview import PodRow, Window, pod_document, top_shops
from api.db.overview import list_pods, unseen_orders, webhook_backlog
from api.http.event_stream import close, event
from backbone.contract.errors import TooManyAtOnce, Unavailable
from backbone.eventlog.access import find_keys
from backbone.eventlog.postgres import Database
from backbone.eventlog.stream import Stream

EVERY_SECONDS = 1.0
LEAST_REST_SECONDS = 0.1
SLOW_LOOKS = 3
"""Of so many looks one asks after unseen orders and webhooks, too."""
MOST_WATCHERS = 50


@dataclass(eq=False, slots=True)
class Watcher:
    """Somebody who watches with the key of this hash. `last` is the reason why there is no more to come."""

    key_hash: bytes
    frame: bytes | None
    stirred: asyncio.Event
    last: str | None = None

    def give(self, frame: bytes) -> None:
        """The newest frame takes the place of one that was not taken."""
        self.frame = frame
        self.stirred.set()

    def end(self, reason: str) -> None:
        """This was the last."""
        self.last = reason
        self.stirred.set()


class Overview:
    """The watchers of this pod; `run` is the body of the task that looks for them."""

    def __init__(self, database: Database, stream: Stream) -> None:
        self._database = database
        self._stream = stream
        self._watchers: set[Watcher] = set()
        self._watched = asyncio.Event()
        self._released = False

    def watch(self, key_hash: bytes, seconds: float) -> AsyncIterator[bytes]:
        """Return the pieces of a stream: a frame each second, for so long.

        Raises:
            TooManyAtOnce: this pod has as many watchers as it may.
        """
        if len(self._watchers) >= MOST_WATCHERS:
            raise TooManyAtOnce(MOST_WATCHERS)
        return self._pieces(Watcher(key_hash, None, asyncio.Event()), seconds)

    async def _pieces(self, watcher: Watcher, seconds: float) -> AsyncIterator[bytes]:
        deadline = asyncio.get_running_loop().time() + seconds
        self._watchers.add(watcher)
        self._watched.set()
        try:
            while not self._released:
                try:
                    async with asyncio.timeout_at(deadline):
                        await watcher.stirred.wait()
                except TimeoutError:
                    yield close("over")
                    return
                watcher.stirred.clear()
                if watcher.last is not None:
                    yield close(watcher.last)
                    return
                if watcher.frame is not None:
                    frame, watcher.frame = watcher.frame, None
                    yield frame
            yield close("drains")
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                self._watched.clear()

    def release(self) -> None:
        """End all streams: the pod is about to stop."""
        self._released = True
        for watcher in self._watchers:
            watcher.end("drains")

    async def run(self) -> None:
        """Look while somebody watches, for ever; ends by cancellation only."""
        while True:
            await self._watched.wait()
            look = Look(self._database, self._stream)
            while self._watchers:
                began = time.monotonic()
                frame = event("frame", await look.frame())
                for watcher in tuple(self._watchers):
                    watcher.give(frame)
                with contextlib.suppress(Unavailable):
                    await self._end_those_without_key()
                await asyncio.sleep(max(LEAST_REST_SECONDS, began + EVERY_SECONDS - time.monotonic()))

    async def _end_those_without_key(self) -> None:
        watchers = tuple(self._watchers)
        valid = await find_keys(self._database, sorted({watcher.key_hash for watcher in watchers}))
        for watcher in watchers:
            if watcher.key_hash not in valid:
                watcher.end("ended")


class Look:
    """The last that was seen: of each part it stays, with the moment since when nothing newer is."""

    def __init__(self, database: Database, stream: Stream) -> None:
        self._database = database
        self._stream = stream
        self._window = Window()
        self._rows: list[PodRow] = []
        self._unseen: dict[str, Any] = {"count": 0, "orders": []}
        self._webhooks: dict[str, Any] | None = None
        self._looks = 0
        self._unknown_since: str | None = None
        self._redis_down_since: str | None = None

    async def frame(self) -> dict[str, Any]:
        """Look once."""
        now = _now()
        postgres_ms, redis_ms = await asyncio.gather(self._ask_postgres(), self._ask_redis())
        self._unknown_since = None if postgres_ms is not None else self._unknown_since or now
        self._redis_down_since = None if redis_ms is not None else self._redis_down_since or now
        window = self._window
        return {
            "type": "frame",
            "at": now,
            "unknownSince": self._unknown_since,
            "postgres": {"up": postgres_ms is not None, "milliseconds": postgres_ms},
            "redis": {
                "up": redis_ms is not None,
                "milliseconds": redis_ms,
                "downSince": self._redis_down_since,
            },
            "pods": [pod_document(row, window, known=self._unknown_since is None) for row in self._rows],
            "eventsPerSecond": window.rate("committed"),
            "deliveriesPerSecond": window.rate("deliveries"),
            "delivery": window.delivery(),
            "replayed": window.minute("replayed."),
            "closed": window.minute("closed."),
            "shops": top_shops(self._rows),
            "unseen": self._unseen,
            "webhooks": self._webhooks,
        }

    async def _ask_postgres(self) -> float | None:
        began = time.perf_counter()
        try:
            self._rows = await list_pods(self._database)
            took = _milliseconds_since(began)
            self._window.look(time.monotonic(), self._rows)
            if self._looks % SLOW_LOOKS == 0:
                self._unseen = await unseen_orders(self._database)
                self._webhooks = await webhook_backlog(self._database)
            self._looks += 1
        except Unavailable:
            return None
        return took

    async def _ask_redis(self) -> float | None:
        began = time.perf_counter()
        try:
            await self._stream.ping()
        except Unavailable:
            return None
        return _milliseconds_since(began)


def _milliseconds_since(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 2)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
