"""A tenant's status over HTTP: a storefront asks whether anybody is listening before it takes an order."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.db.status import tenant_status
from api.http.answer import json_answer
from api.http.documents.tenants import TenantStanding
from api.http.guard import Guard, unknown_tenant
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc


class StatusRoutes:
    """The one route."""

    def __init__(self, guard: Guard, reads: Database) -> None:
        self._guard = guard
        self._reads = reads

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        doc = RouteDoc(
            "Tenants",
            "Whether anybody is listening, and for how long an order has waited unseen.",
            (KeyKind.STOREFRONT, KeyKind.OPERATOR),
            TenantStanding,
        )
        return [DescribedRoute("GET", "/api/tenant/{tenant}/status", self.get, doc)]

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/status`."""
        caller = await self._guard.authorize(request)
        status = await tenant_status(self._reads, caller.tenant)
        if status is None:
            raise unknown_tenant()
        waiting = status.oldest_unacked_seconds
        return json_answer(
            {
                "head": str(status.head),
                "terminalsOnline": status.terminals_online,
                "acceptingOrders": status.accepting,
                "receivers": orjson.loads(status.receivers),
                "paused": status.paused,
                "pausedReason": status.paused_reason,
                "preparationMinutes": status.preparation_minutes,
                "oldestUnackedSeconds": None if waiting is None else round(max(waiting, 0.0), 3),
            }
        )
