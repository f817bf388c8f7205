"""Close the holes that a best-effort feed leaves: wait a moment, then read what is missing, once per tenant.

A hole is any head that is known to be later than ours, however it became known: a later event on the live channel, or
the head check. Where PostgreSQL speaks of a later epoch, its forks are read first.
"""

import asyncio
import logging

from backbone.contract.errors import Unavailable
from gateway import metrics
from gateway.replay.page_reader import PageReader
from gateway.replay.room_tasks import RoomTasks
from gateway.rooms.room import Room

log = logging.getLogger("bellwire.gap_filler")

HOLD_SECONDS = 0.02
"""Another pod's publish may have been overtaken; it is usually here by then."""
RETRY_SECONDS = 0.25


class GapFiller:
    """Runs one task per room with a hole."""

    def __init__(self, history: PageReader) -> None:
        self._history = history
        self._tasks = RoomTasks("heal", self._run, self._ended)

    def start(self, room: Room) -> None:
        """See to it that this room's hole is closed."""
        self._tasks.start(room)

    async def healed(self, room: Room) -> None:
        """Wait until nothing is known to be missing; the caller bounds the wait."""
        while room.log.behind:
            self._tasks.start(room)
            await self._tasks.wait(room)

    async def stop(self) -> None:
        """End every task."""
        await self._tasks.stop()

    def _ended(self, room: Room, bug: bool) -> None:
        """Nothing to do: should a hole be left, the head check starts anew within a second."""

    async def _run(self, room: Room) -> None:
        await asyncio.sleep(HOLD_SECONDS)
        if not room.log.behind:
            metrics.GAPS.labels("wait").inc()
            return
        missing_from = room.log.head
        sources = set()
        while room.log.behind:
            try:
                sources.add(await self._step(room))
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
        healed_by = "postgres" if "postgres" in sources else "redis"
        metrics.GAPS.labels(healed_by).inc()
        log.info(
            "gap.healed",
            extra={
                "tenant": room.tenant, "after": str(missing_from), "through": str(room.log.head), "by": healed_by,
            },
        )  # fmt: skip

    async def _step(self, room: Room) -> str:
        if room.log.known_head.epoch > room.log.epoch:
            extent = await self._history.extent(room.tenant)
            if extent.head.epoch > room.log.epoch:
                room.change_epoch(extent.head, extent.floor, extent.forks)
                log.warning("epoch.changed", extra={"tenant": room.tenant, "head": str(extent.head)})
            else:
                room.log.confirm(extent.head)
            return "postgres"
        page = await self._history.page(room.tenant, room.log, room.log.head, room.log.known_head)
        if page.head is not None:
            # It may speak of a later epoch: then that comes first, in the next step.
            room.log.learn(page.head)
            if page.head.epoch > room.log.epoch:
                return page.source
            if page.head.epoch < room.log.epoch:
                # A server whose history is over, and which does not know it yet.
                raise Unavailable("the event log")
            if page.floor.seq > room.log.head_seq:
                room.lose_history(page.floor)
        for event in page.events:
            room.receive(event)
        if page.head is not None and room.log.head >= page.head:
            room.log.confirm(page.head)
        return page.source
