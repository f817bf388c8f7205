"""The log over HTTP, for terminals that poll: the same events, offsets and bytes as on a socket."""

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.background.heads import HeadWatch
from api.http.answer import raw_answer
from api.http.body import query_integer
from api.http.documents.events import EventPage
from api.http.documents.values import OFFSET
from api.http.guard import Caller, Guard, unknown_tenant
from backbone.contract.event import Event, EventType
from backbone.contract.event_filter import MAX_NAMES, EventFilter, read_filter
from backbone.contract.keys import KeyKind
from backbone.contract.offset import BEGINNING, LAST_ACKED, Offset, parse_after
from backbone.contract.resume import Start, resume
from backbone.eventlog.log_reads import read_events, read_extent
from backbone.eventlog.postgres import Database
from backbone.eventlog.readings import last_acks, poll_reading
from backbone.runtime.client import Client
from backbone.runtime.routes import DescribedRoute, Query, RouteDoc

DEFAULT_LIMIT, MAX_LIMIT = 100, 500
MAX_WAIT_SECONDS = 30
PAGES_AN_ANSWER = 20
"""How far one request looks for events of rare types before it answers with how far it came."""


_TYPES = "|".join(member.value for member in EventType)
_NAMES = {"type": "string", "minLength": 1, "examples": ["bar,grill"]}
_POLL = RouteDoc(
    "Events",
    "The events behind an offset, for terminals that poll.",
    (KeyKind.TERMINAL,),
    EventPage,
    says="The same events, offsets and bytes as on a socket. Ask on with the answer's `offset`. `reset` says that "
    "history before an offset cannot be replayed; it is never skipped silently. An ack of a page names its `reading`.",
    query=(
        Query(
            "after",
            "Behind this offset; `0` is everything retained, `acked` all behind this terminal's last ack; without it "
            "nothing but what is still to come.",
            {"type": "string", "pattern": f"^0$|^acked$|{OFFSET['pattern']}"},
        ),
        Query(
            "limit",
            "So many at most.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
        Query(
            "wait",
            "Seconds to wait for an event when there is none.",
            {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
        ),
        Query(
            "types",
            "Only events of these types, comma-separated.",
            {"type": "string", "pattern": f"^({_TYPES})(,({_TYPES}))*$"},
        ),
        Query(
            "stations",
            "Only events about orders with an item of one of these stations, or with none of any, and events about no "
            f"order; comma-separated, at most {MAX_NAMES}, in any case.",
            _NAMES,
        ),
        Query("categories", "Likewise for categories; the filters are an and.", _NAMES),
    ),
)


@dataclass(frozen=True, slots=True)
class Page:
    """The content of one answer: the events that were asked for, and how far the log was looked through."""

    events: tuple[Event, ...]
    offset: Offset


class EpochEntered(Exception):
    """The database's history forked while the log was being read."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A terminal's question. `named`: `after` is an offset of its own, neither the head nor our word for it."""

    caller: Caller
    client: Client
    after: Offset | None
    named: bool
    filter: EventFilter
    limit: int
    deadline: float


class EventRoutes:
    """The one route."""

    def __init__(self, guard: Guard, reads: Database, writes: Database, watch: HeadWatch) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes
        self._watch = watch

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        return [DescribedRoute("GET", "/api/tenant/{tenant}/events", self.poll, _POLL)]

    async def poll(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/events`."""
        ask = await self._ask(request)
        after = ask.after
        while True:
            extent = await read_extent(self._reads, ask.caller.tenant)
            if extent is None:
                raise unknown_tenant()
            start = resume(after, floor=extent.floor, head=extent.head, forks=extent.forks)
            # From the beginning is from an offset that it named where nothing is gone.
            named = ask.named and start.resumed and start.position.seq == (after or start.position).seq
            try:
                return await self._answer(ask, start, extent.head, named=named)
            except EpochEntered:
                # `after` has to be judged again; a request from the head stays at the head that it began from.
                after = start.position if after is None else after

    async def _ask(self, request: Request) -> Ask:
        caller = await self._guard.authorize(request)
        after = parse_after(request.query_params.get("after"))
        filter_ = read_filter(request.query_params)
        limit = query_integer(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        wait = query_integer(request, "wait", 0, 0, MAX_WAIT_SECONDS)
        named = after not in (None, LAST_ACKED)
        if after == LAST_ACKED:
            acked = await last_acks(self._reads, [(caller.device, filter_)])
            after = acked.get((caller.device, filter_), BEGINNING)
        deadline = asyncio.get_running_loop().time() + wait
        return Ask(caller, self._guard.client(request), after, named, filter_, limit, deadline)

    async def _answer(self, ask: Ask, start: Start, head: Offset, *, named: bool) -> Response:
        """Answer with the next events, or when there are none with those that come until the deadline.

        A page is noted in the database before the terminal gets it, so a terminal that waits is online from the start.

        Raises:
            EpochEntered: history forked meanwhile.
            Violation: the caller's key has ended meanwhile.
        """

        async def stored(end: Offset) -> UUID:
            return await poll_reading(
                self._writes, ask.caller.tenant, ask.caller.device, uuid4(), ask.client, ask.filter,
                start.position, end, named=named,
            )  # fmt: skip

        tenant, position, reading = ask.caller.tenant, start.position, None
        while True:
            page = await self._read(tenant, position, head, ask.filter, ask.limit)
            moved, position = page.offset > position, page.offset
            # Something to say, or more to look through than one answer should take: say so now.
            if page.events or position < head or start.reset is not None:
                break
            if reading is None or moved:
                reading, moved = await stored(position), False
            newer = await self._watch.later_than(tenant, head, ask.deadline, ask.caller.key_hash)
            if newer is None:
                break
            if newer.epoch != head.epoch:
                raise EpochEntered
            head = newer
        if reading is None or moved:
            reading = await stored(position)
        return raw_answer(_document(start, page, head, reading))

    async def _read(
        self, tenant: str, position: Offset, head: Offset, filter_: EventFilter, limit: int
    ) -> Page:
        for _ in range(PAGES_AN_ANSWER):
            if position >= head:
                break
            run = await read_events(self._reads, tenant, position, limit)
            if run.head.epoch != head.epoch:
                raise EpochEntered
            position = run.events[-1].offset if run.events else run.floor
            wanted = tuple(event for event in run.events if filter_.takes(event))
            if wanted:
                return Page(wanted, position)
        return Page((), position)


def _document(start: Start, page: Page, head: Offset, reading: UUID) -> bytes:
    """The events' own bytes with the answer around them; nothing is parsed."""
    reset = b""
    if start.reset is not None:
        reset = b'"reset":%b,' % orjson.dumps({"to": str(start.position), "reason": start.reset})
    more = b"true" if page.offset < head else b"false"
    return b'{%b"events":[%b],"offset":"%d-%d","head":"%d-%d","more":%b,"reading":"%b"}' % (
        reset,
        b",".join(event.payload for event in page.events),
        page.offset.epoch,
        page.offset.seq,
        head.epoch,
        head.seq,
        more,
        str(reading).encode(),
    )
