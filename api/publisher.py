"""Announce committed events on Redis, in the background, in batches, and never in anybody's way.

Everything that waits leaves in one round trip to each server. An event that cannot be announced is counted and
forgotten: it is committed, and the gateways' head check finds it.
"""

import asyncio
import contextlib
from collections import deque

from api.core.traffic import Traffic
from api.metrics import PUBLISHED
from backbone.contract.event import Event
from backbone.eventlog.stream import Outcome, Stream
from backbone.runtime.faults import FAULTS
from backbone.runtime.metrics import adder

BATCH_EVENTS = 500
_COUNTERS = {outcome: adder(PUBLISHED.labels(outcome.value)) for outcome in Outcome}


class Publisher:
    """A bounded queue and the task's body (`run`) that empties it. `traffic` counts what was committed, by shop."""

    def __init__(self, stream: Stream, queue_events: int) -> None:
        self._stream = stream
        self._limit = queue_events
        self._queue: deque[tuple[str, Event]] = deque()
        self._waiting = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.traffic = Traffic()

    def announce(self, tenant: str, event: Event) -> None:
        """Queue an event that has just been committed. Returns at once; a full queue drops it."""
        self.traffic.count(tenant)
        if len(self._queue) >= self._limit:
            PUBLISHED.labels("dropped").inc()
            return
        self._queue.append((tenant, event))
        self._idle.clear()
        self._waiting.set()

    async def run(self) -> None:
        """Publish for ever; ends by cancellation only."""
        while True:
            await self._waiting.wait()
            if len(self._queue) == 1:
                batch = [self._queue.popleft()]
            else:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_EVENTS))]
                # Answers of concurrent commits overtake each other; a stream takes rising offsets only.
                batch.sort(key=lambda announced: announced[1].offset)
            await self._publish(batch)
            if not self._queue:
                self._waiting.clear()
                self._idle.set()

    async def flush(self, seconds: float) -> None:
        """Wait until everything queued has left, but no longer than `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def _publish(self, batch: list[tuple[str, Event]]) -> None:
        if not batch:
            return
        if FAULTS:
            await FAULTS.pause("before_publish")
        outcomes = await self._stream.publish(batch)
        if FAULTS:
            await FAULTS.pause("after_publish")
        for outcome, count in outcomes.items():
            _COUNTERS[outcome](count)
