"""The audit trail over HTTP: an operator sees who did what to a shop, newest first."""

from starlette.requests import Request
from starlette.responses import Response

from api.core.paging import read_cursor, write_cursor
from api.db.audit_trail import list_entries
from api.http.answer import json_answer
from api.http.audit import DEFAULT_LIMIT, MAX_LIMIT, PAGE_QUERY, entry_document
from api.http.body import query_integer
from api.http.documents.tenants import AuditPage
from api.http.guard import Guard
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

_LIST = RouteDoc(
    "Tenants",
    "The acts of those who changed a shop or looked into it, newest first.",
    (KeyKind.OPERATOR,),
    AuditPage,
    says="Keys, terminals, settings, webhooks and operators' reads, for 400 days. `keyId` names a key, and opens "
    "nothing.",
    query=PAGE_QUERY,
)


class AuditRoutes:
    """The one route."""

    def __init__(self, guard: Guard, reads: Database) -> None:
        self._guard = guard
        self._reads = reads

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        return [DescribedRoute("GET", "/api/tenant/{tenant}/audit", self.list, _LIST)]

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/audit`."""
        caller = await self._guard.authorize(request)
        limit = query_integer(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        after = request.query_params.get("after")
        before = None if after is None else read_cursor(after)
        # One more than asked for tells whether there is a next page.
        found = await list_entries(self._reads, caller.tenant, before, limit + 1)
        more = len(found) > limit
        return json_answer(
            {
                "entries": [entry_document(entry) for entry in found[:limit]],
                "next": write_cursor(found[limit - 1].entry_id) if more else None,
            }
        )
