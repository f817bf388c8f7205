"""The shop over HTTP as its tills need it: its name, its money, its clock, its times."""

from starlette.requests import Request
from starlette.responses import Response

from api.db.terminals import till_of
from api.http.answer import json_answer
from api.http.documents.terminals import Till
from api.http.guard import Guard, unknown_tenant
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

_GET = RouteDoc(
    "Terminals",
    "The shop as a till needs it: its name, its money, its clock, its times.",
    (KeyKind.TERMINAL,),
    Till,
    says="`preparationMinutes` and `ackDeadlineSeconds` say from when on an order is late.",
)


class TillRoutes:
    """The one route."""

    def __init__(self, guard: Guard, reads: Database) -> None:
        self._guard = guard
        self._reads = reads

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        return [DescribedRoute("GET", "/api/tenant/{tenant}/till", self.get, _GET)]

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/till`."""
        caller = await self._guard.authorize(request)
        assert caller.terminal is not None
        till = await till_of(self._reads, caller.terminal)
        if till is None:
            raise unknown_tenant()
        return json_answer(
            {
                "tenant": caller.tenant,
                "shop": till.shop,
                "terminalId": str(caller.terminal),
                "name": till.name,
                "role": till.role,
                "currency": till.currency,
                "timeZone": till.time_zone,
                "country": till.country,
                "ackDeadlineSeconds": till.ack_deadline_seconds,
                "preparationMinutes": till.preparation_minutes,
                "paused": till.paused,
                "pausedReason": till.paused_reason,
            }
        )
