"""The meaning of a key, told to its holder: a terminal learns its shop from its key alone."""

from starlette.requests import Request
from starlette.responses import Response

from api.http.answer import json_answer
from api.http.documents.terminals import Whoami
from api.http.guard import Guard
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.eventlog.readings import newest_ack
from backbone.runtime.routes import DescribedRoute, RouteDoc


class WhoamiRoutes:
    """The one route."""

    def __init__(self, guard: Guard, reads: Database) -> None:
        self._guard = guard
        self._reads = reads

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        doc = RouteDoc("Tenants", "The kind, tenant and terminal of a key.", tuple(KeyKind), Whoami)
        return [DescribedRoute("GET", "/api/whoami", self.get, doc)]

    async def get(self, request: Request) -> Response:
        """`GET /api/whoami`: 200 `{kind, tenant, terminalId, ackedOffset}`; what does not apply is null."""
        caller = await self._guard.authorize(request)
        terminal = None if caller.terminal is None else str(caller.terminal)
        acked = None if caller.terminal is None else await newest_ack(self._reads, caller.terminal)
        return json_answer(
            {
                "kind": caller.kind.value,
                "tenant": caller.tenant or None,
                "terminalId": terminal,
                "ackedOffset": None if acked is None else str(acked),
            }
        )
