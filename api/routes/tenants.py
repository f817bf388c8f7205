"""Tenants over HTTP: an operator opens a shop."""

import secrets
from decimal import Decimal
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.core.money import json_cents
from api.db.tenants import create_tenant, set_points_per_unit
from api.http.answer import json_answer
from api.http.body import Body, Name, PointsPerUnit, read_body
from api.http.documents import TenantChanged, TenantOpened
from api.http.guard import Guard, unknown_tenant
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, make_key
from backbone.contract.slug import SLUG_PATTERN
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc


class TenantBody(Body):
    """A shop to open."""

    slug: Annotated[str, Field(pattern=SLUG_PATTERN)]
    name: Name
    ack_deadline_seconds: Annotated[int, Field(ge=1, le=86400)] = 30


class TenantChange(Body):
    """The settings of a shop that may be changed."""

    points_per_unit: PointsPerUnit | None


_CHANGE = RouteDoc(
    "Tenants",
    "Say how many loyalty points a completed online order earns for each unit of money.",
    (KeyKind.OPERATOR,),
    TenantChanged,
    says="From now on, and once an order: its customer needs a phone number, fractions of a point are dropped. "
    "null is none, as in a new shop.",
    body=TenantChange,
)


class TenantRoutes:
    """The two routes."""

    def __init__(self, guard: Guard, writes: Database) -> None:
        self._guard = guard
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        doc = RouteDoc(
            "Tenants",
            "Open a shop.",
            (KeyKind.OPERATOR,),
            TenantOpened,
            201,
            says="The storefront key is in this answer and nowhere else.",
            body=TenantBody,
            problems=(Problem.TENANT_EXISTS,),
        )
        return [
            DescribedRoute("POST", "/api/tenants", self.create, doc),
            DescribedRoute("PATCH", "/api/tenant/{tenant}", self.change, _CHANGE),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenants`. The storefront key is in the answer and nowhere else."""
        await self._guard.authorize(request)
        body = (await read_body(request, TenantBody)).model
        key = make_key(KeyKind.STOREFRONT, secrets.token_bytes(KEY_BYTES))
        key_hash = hash_key(key)
        assert key_hash is not None
        if not await create_tenant(self._writes, body.slug, body.name, key_hash, body.ack_deadline_seconds):
            raise Refused(Problem.TENANT_EXISTS, f"There is a tenant {body.slug} already")
        return json_answer({"tenant": body.slug, "storefrontKey": key}, 201)

    async def change(self, request: Request) -> Response:
        """`PATCH /api/tenant/{tenant}`."""
        caller = await self._guard.authorize(request)
        hundredths = (await read_body(request, TenantChange)).model.points_per_unit
        points = None if hundredths is None else Decimal(hundredths) / 100
        if not await set_points_per_unit(self._writes, caller.tenant, points):
            raise unknown_tenant()
        shown = None if hundredths is None else json_cents(hundredths)
        return json_answer({"tenant": caller.tenant, "pointsPerUnit": shown})
