"""Pages of a tenant's past: from its Redis stream where that covers them without a hole, else from PostgreSQL.

At most a few reads are under way at once in a pod, whatever comes back at the same time.

Why: docs/decisions/0010-replay-reads.md
"""

import asyncio
from dataclasses import dataclass

from backbone.contract.errors import Unavailable
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.log_reads import Extent, read_events, read_extent
from backbone.eventlog.postgres import Database
from backbone.eventlog.stream import Stream
from gateway.core.tenant_log import TenantLog

PAGE_EVENTS = 500
READS_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive events right behind `floor`; `source` is `redis` or `postgres`.

    `head` is PostgreSQL's own word, None when Redis answered: a cache is not asked what the truth is.
    """

    floor: Offset
    events: tuple[Event, ...]
    source: str
    head: Offset | None


class PageReader:
    """Where pages come from."""

    def __init__(self, database: Database, stream: Stream) -> None:
        self._database = database
        self._stream = stream
        self._slots = asyncio.Semaphore(READS_AT_ONCE)

    async def page(self, tenant: str, log: TenantLog, after: Offset, through: Offset) -> Page:
        """Return up to 500 events later than `after`, from Redis none that the tenant's `log` does not believe of a
        cache. `through` only bounds what is asked of Redis.

        Raises:
            Unavailable: PostgreSQL, and Redis could not help.
        """
        async with self._slots:
            if events := await self._believed(tenant, log, after, through):
                return Page(after, events, "redis", None)
            run = await read_events(self._database, tenant, after, PAGE_EVENTS)
            return Page(run.floor, run.events, "postgres", run.head)

    async def _believed(
        self, tenant: str, log: TenantLog, after: Offset, through: Offset
    ) -> tuple[Event, ...]:
        """Redis' answer; nothing where it cannot give one, or one that is not believed."""
        if after.seq < log.erased.seq:
            return ()
        try:
            events = await self._stream.read(tenant, after, through, PAGE_EVENTS)
        except Unavailable:
            return ()
        # Looked at now: history may have forked, and a customer may have been forgotten, while Redis was asked.
        return events if all(log.believes(event.offset) for event in events) else ()

    async def extent(self, tenant: str) -> Extent:
        """Return what of the tenant's log is retained, from PostgreSQL.

        Raises:
            Unavailable: PostgreSQL.
            LookupError: there is no such tenant.
        """
        async with self._slots:
            extent = await read_extent(self._database, tenant)
        if extent is None:
            raise LookupError("no such tenant")
        return extent
