"""The operator's routes about the whole installation: watch it, drain a gateway, see who did what to it."""

from starlette.requests import Request
from starlette.responses import Response

from api.background.overview import Overview
from api.core.paging import read_cursor, write_cursor
from api.db.audit_trail import Entry, list_entries, note
from api.db.overview import ask_gateway
from api.http.answer import json_answer
from api.http.audit import DEFAULT_LIMIT, MAX_LIMIT, PAGE_QUERY, entry_document
from api.http.body import query_integer
from api.http.documents.tenants import AuditPage
from api.http.event_stream import MOST_SECONDS, SECONDS_QUERY, stream_answer
from api.http.guard import Guard
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KeyKind
from backbone.contract.sse import CONTENT_TYPE
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

_OPERATOR = (KeyKind.OPERATOR,)
_STREAM = RouteDoc(
    "Installation",
    "The whole installation at a glance, a frame each second, as server-sent events.",
    _OPERATOR,
    CONTENT_TYPE,
    says="Pods with their states, rates, delivery times, unseen orders, busy shops, webhooks. A page reads it with "
    "`fetch`, the key in the header. Frames hold no customer's data. The last event is `close`, with a `reason`.",
    query=(SECONDS_QUERY,),
)
_DRAIN = RouteDoc(
    "Installation",
    "Drain a gateway: it takes no terminals any more, and sends those it has elsewhere.",
    _OPERATOR,
    None,
    status=204,
    says="As at its end, but it stays, empty, until `resume` or its restart. The last gateway that takes terminals is "
    "409 `last-gateway`.",
    problems=(Problem.LAST_GATEWAY,),
)
_RESUME = RouteDoc(
    "Installation", "Have a drained gateway take terminals again.", _OPERATOR, None, status=204
)
_AUDIT = RouteDoc(
    "Installation",
    "The acts that are of no shop, newest first: drained gateways, opened consoles, refused keys.",
    _OPERATOR,
    AuditPage,
    query=PAGE_QUERY,
)


class OperatorRoutes:
    """The four routes."""

    def __init__(self, guard: Guard, reads: Database, writes: Database, overview: Overview) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes
        self._overview = overview

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        return [
            DescribedRoute("GET", "/api/operator/stream", self.stream, _STREAM),
            DescribedRoute("POST", "/api/operator/gateways/{gateway}/drain", self.drain, _DRAIN),
            DescribedRoute("POST", "/api/operator/gateways/{gateway}/resume", self.resume, _RESUME),
            DescribedRoute("GET", "/api/operator/audit", self.audit, _AUDIT),
        ]

    async def stream(self, request: Request) -> Response:
        """`GET /api/operator/stream`."""
        caller = await self._guard.authorize(request)
        seconds = query_integer(request, "seconds", MOST_SECONDS, 1, MOST_SECONDS)
        pieces = self._overview.watch(caller.key_hash, seconds)
        # Unseen orders are read here, in every shop.
        await note(self._writes, Entry(self._guard.actor(request, caller), None, "overview.watched", {}))
        return stream_answer(pieces)

    async def drain(self, request: Request) -> Response:
        """`POST /api/operator/gateways/{gateway}/drain`."""
        return await self._ask(request, drain=True)

    async def resume(self, request: Request) -> Response:
        """`POST /api/operator/gateways/{gateway}/resume`."""
        return await self._ask(request, drain=False)

    async def _ask(self, request: Request, *, drain: bool) -> Response:
        caller = await self._guard.authorize(request)
        gateway = request.path_params["gateway"]
        action = "gateway.drained" if drain else "gateway.resumed"
        entry = Entry(self._guard.actor(request, caller), None, action, {"gateway": gateway})
        done = (
            None if "\x00" in gateway else await ask_gateway(self._writes, gateway, drain=drain, entry=entry)
        )
        if done is None:
            raise Refused(
                Problem.NOT_FOUND, "There is no such gateway now, or it is of a release that cannot be asked"
            )
        if not done:
            raise Refused(Problem.LAST_GATEWAY, f"No other gateway than {gateway} takes terminals now")
        return Response(status_code=204)

    async def audit(self, request: Request) -> Response:
        """`GET /api/operator/audit`."""
        await self._guard.authorize(request)
        limit = query_integer(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        after = request.query_params.get("after")
        found = await list_entries(
            self._reads, None, None if after is None else read_cursor(after), limit + 1
        )
        more = len(found) > limit
        return json_answer(
            {
                "entries": [entry_document(entry) for entry in found[:limit]],
                "next": write_cursor(found[limit - 1].entry_id) if more else None,
            }
        )
