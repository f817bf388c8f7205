"""A shop's events as they come, for an operator who looks into something, without a place in the shop's stream.

It begins at the head, takes no terminal's place and is no reading: nobody counts as having seen what passes here. The
events are as they are after their customer was forgotten, since a fault is found by what happened and not by to whom.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from api.background.heads import HeadWatch
from api.core.forget import anonymous_event
from api.db.audit_trail import Entry, note
from api.http.body import query_integer
from api.http.event_stream import (
    HEARTBEAT,
    MOST_SECONDS,
    SECONDS_QUERY,
    close,
    event,
    raw_event,
    stream_answer,
)
from api.http.guard import Caller, Guard, unknown_tenant
from backbone.contract.errors import TooManyAtOnce, Unavailable, Violation
from backbone.contract.keys import KeyKind
from backbone.contract.offset import Offset
from backbone.contract.sse import CONTENT_TYPE
from backbone.eventlog.log_reads import read_events, read_extent
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

DEFAULT_SECONDS = 600
MOST_TRACES = 20
HEARTBEAT_SECONDS = 10.0
EVENTS_A_READ = 100
AWAY_SECONDS = 1.0

_TRACE = RouteDoc(
    "Installation",
    "A shop's events as they come, without its customers, as server-sent events.",
    (KeyKind.OPERATOR,),
    CONTENT_TYPE,
    says="From the head. It takes no terminal's place and gives no receipt. Texts about people are out, as they are "
    "after a customer was forgotten. It stands in the audit trail. The last event is `close`, with a `reason`.",
    query=(SECONDS_QUERY,),
)


class TraceRoutes:
    """The one route."""

    def __init__(self, guard: Guard, reads: Database, writes: Database, watch: HeadWatch) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes
        self._watch = watch
        self._open = 0

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        return [DescribedRoute("GET", "/api/tenant/{tenant}/trace", self.trace, _TRACE)]

    async def trace(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/trace`."""
        caller = await self._guard.authorize(request)
        seconds = query_integer(request, "seconds", DEFAULT_SECONDS, 1, MOST_SECONDS)
        extent = await read_extent(self._reads, caller.tenant)
        if extent is None:
            raise unknown_tenant()
        if self._open >= MOST_TRACES:
            raise TooManyAtOnce(MOST_TRACES)
        actor = self._guard.actor(request, caller)
        await note(self._writes, Entry(actor, caller.tenant, "shop.traced", {"seconds": seconds}))
        return stream_answer(self._pieces(caller, extent.head, seconds))

    async def _pieces(self, caller: Caller, head: Offset, seconds: float) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self._open += 1
        try:
            yield event("hello", {"type": "hello", "tenant": caller.tenant, "head": str(head)})
            while (now := loop.time()) < deadline:
                due = min(deadline, now + HEARTBEAT_SECONDS)
                try:
                    newer = await self._watch.later_than(caller.tenant, head, due, caller.key_hash)
                    if newer is None:
                        if self._watch.released:
                            yield close("drains")
                            return
                        yield HEARTBEAT
                        continue
                    if newer.epoch != head.epoch:
                        yield event("reset", {"type": "reset", "to": str(newer), "reason": "epoch"})
                        head = newer
                        continue
                    run = await read_events(self._reads, caller.tenant, head, EVENTS_A_READ)
                except Unavailable:
                    yield HEARTBEAT
                    await asyncio.sleep(AWAY_SECONDS)
                    continue
                for one in run.events:
                    yield raw_event(one.type, anonymous_event(one.type, one.payload), str(one.offset))
                head = run.events[-1].offset if run.events else run.floor
            yield close("over")
        except Violation:
            yield close("ended")
        finally:
            self._open -= 1
