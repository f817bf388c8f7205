"""Tenants over HTTP: an operator opens shops, looks at them, changes their settings, and takes test tenants away."""

import secrets
from decimal import Decimal
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, StrictBool
from starlette.requests import Request
from starlette.responses import Response

from api.background.account_numbers import Announce, read_shop
from api.core.money import json_cents
from api.core.order_sources import BUILT_IN, MAX_SOURCES, OrderSource, added_sources
from api.core.tenant_settings import MAX_ROLES, distinct_roles
from api.db.audit_trail import Entry
from api.db.tenants import (
    CurrencyInUse,
    Tenant,
    TooEarly,
    change_tenant,
    create_tenant,
    delete_test_tenant,
    get_tenant,
    is_time_zone,
    list_tenants,
)
from api.http.answer import json_answer
from api.http.body import (
    Body,
    Country,
    CurrencyCode,
    FilledText,
    Name,
    PointsPerUnit,
    Word,
    query_integer,
    read_body,
    wrong_fields,
)
from api.http.documents.tenants import TenantList, TenantOpened, TenantSettings
from api.http.guard import Guard, unknown_tenant
from backbone.contract.errors import FieldError, Problem, Refused, Violation
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, make_key
from backbone.contract.slug import SLUG_PATTERN, is_slug, is_test_slug
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, Query, RouteDoc

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
MAX_SEARCHED = 256
MAX_PREPARATION_MINUTES = 10_080
"""A week."""
READING_SECONDS = 2.0
"""So long a request reads the numbers of a shop that was given a country."""

Roles = Annotated[list[Word], Field(min_length=1, max_length=MAX_ROLES), AfterValidator(distinct_roles)]


class SourceBody(Body):
    """A source of orders."""

    name: Word
    broadcast: StrictBool

    def value(self) -> OrderSource:
        """The source as the core knows it."""
        return OrderSource(self.name, self.broadcast)


def _added(given: list[SourceBody]) -> list[SourceBody]:
    added = {source.key for source in added_sources([source.value() for source in given])}
    return [source for source in given if source.value().key in added]


Sources = Annotated[list[SourceBody], Field(max_length=MAX_SOURCES), AfterValidator(_added)]


class TenantChange(Body):
    """The settings of a shop that may be changed; those that are left out stay as they are."""

    name: Name = ""
    ack_deadline_seconds: Annotated[int, Field(ge=1, le=86400)] = 30
    alarm_repeats: Annotated[int, Field(ge=0, le=10)] = 3
    alarm_roles: Roles | None = None
    alarm_scope: Literal["any", "each-station"] = "any"
    points_per_unit: PointsPerUnit | None = None
    currency: CurrencyCode | None = None
    order_sources: Sources = Field(default_factory=list)
    time_zone: Word = "UTC"
    preparation_minutes: Annotated[int, Field(ge=0, le=MAX_PREPARATION_MINUTES)] = 0
    country: Country | None = None
    paused: StrictBool = False
    paused_reason: FilledText | None = None
    disabled: StrictBool = False

    def settings(self) -> dict[str, Any]:
        """The settings that were said, and no other, by their names in the database."""
        said = {
            name: getattr(self, name) for name in TenantChange.model_fields if name in self.model_fields_set
        }
        if said.get("points_per_unit") is not None:
            said["points_per_unit"] = Decimal(said["points_per_unit"]) / 100
        if "order_sources" in said:
            sources = [source.value() for source in self.order_sources]
            said["order_sources"] = orjson.dumps(
                [{"key": one.key, "name": one.name, "broadcast": one.broadcast} for one in sources]
            ).decode()
        return said


class TenantBody(TenantChange):
    """A shop to open."""

    slug: Annotated[str, Field(pattern=SLUG_PATTERN)]
    name: Name
    test: StrictBool = False


_OPERATOR = (KeyKind.OPERATOR,)
_LIST = RouteDoc(
    "Tenants",
    "The shops, by slug.",
    _OPERATOR,
    TenantList,
    query=(
        Query(
            "q", "Only those whose slug or name holds this.", {"type": "string", "maxLength": MAX_SEARCHED}
        ),
        Query(
            "limit",
            "So many at most. A page may have fewer, and a `next` all the same.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
        Query("after", "The `next` of an earlier answer.", {"type": "string"}),
    ),
)
_CREATE = RouteDoc(
    "Tenants",
    "Open a shop.",
    _OPERATOR,
    TenantOpened,
    201,
    says="The storefront key is in this answer and nowhere else. `test: true` opens one that can be deleted again; its "
    "slug begins with `test-`, `verify-` or `load-`.",
    body=TenantBody,
    problems=(Problem.TENANT_EXISTS,),
)
_GET = RouteDoc("Tenants", "A shop's settings.", _OPERATOR, TenantSettings)
_CHANGE = RouteDoc(
    "Tenants",
    "Change some of a shop's settings.",
    _OPERATOR,
    TenantSettings,
    says="Settings that are left out stay. `alarmRoles`: whose acks count for the alarm, null is everybody's. "
    "`alarmScope`: `each-station` asks that each station of an order that has a terminal online sees it; `any`, that "
    "somebody does. "
    "`pointsPerUnit`: loyalty points that a completed order of a broadcast source earns for each unit of "
    "money, null is none. "
    "`currency`: whose decimals amounts have; it stays once the shop has an order, a card or points (409). "
    "`orderSources`: those that are named replace the shop's own; the five that are built in stay. "
    "`country`: where a national phone number is from; accounts known by such digits get their international number. "
    "`paused`: the shop takes no orders at the moment, and `acceptingOrders` says so; those that come are taken. "
    "`disabled`: the shop is off. Within 2 s its keys are refused and its sockets closed with 4403; webhooks and "
    "alarms stop, and go on from where they were when it is on again.",
    body=TenantChange,
    problems=(Problem.CURRENCY_IN_USE,),
)
_DELETE = RouteDoc(
    "Tenants",
    "Take a test tenant away.",
    _OPERATOR,
    None,
    204,
    says="Its keys are refused and its sockets closed with 4403 within 2 s; its rows go in the background. Its slug is "
    "never given again.",
    problems=(Problem.NOT_A_TEST,),
)


class TenantRoutes:
    """The five routes."""

    def __init__(self, guard: Guard, reads: Database, writes: Database, announce: Announce) -> None:
        self._announce = announce
        self._guard = guard
        self._reads = reads
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        return [
            DescribedRoute("GET", "/api/tenants", self.list, _LIST),
            DescribedRoute("POST", "/api/tenants", self.create, _CREATE),
            DescribedRoute("GET", "/api/tenant/{tenant}", self.get, _GET),
            DescribedRoute("PATCH", "/api/tenant/{tenant}", self.change, _CHANGE),
            DescribedRoute("DELETE", "/api/tenant/{tenant}", self.delete, _DELETE),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /api/tenants`."""
        await self._guard.authorize(request)
        limit = query_integer(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        q = request.query_params.get("q", "")
        after = request.query_params.get("after", "")
        if len(q) > MAX_SEARCHED or "\0" in q:
            raise wrong_fields([FieldError("q", f"must be at most {MAX_SEARCHED} characters")])
        if after and not is_slug(after):
            raise wrong_fields([FieldError("after", "must be the `next` of an earlier answer")])
        tenants, more = await list_tenants(self._reads, after, limit, q)
        return json_answer({"tenants": [_document(tenant) for tenant in tenants], "next": more})

    async def create(self, request: Request) -> Response:
        """`POST /api/tenants`. The storefront key is in the answer and nowhere else."""
        caller = await self._guard.authorize(request)
        body = (await read_body(request, TenantBody)).model
        if body.test and not is_test_slug(body.slug):
            raise wrong_fields(
                [FieldError("slug", "of a test tenant must begin with test-, verify- or load-")]
            )
        settings = await self._checked(body)
        key = make_key(KeyKind.STOREFRONT, secrets.token_bytes(KEY_BYTES))
        key_hash = hash_key(key)
        assert key_hash is not None
        entry = Entry(self._guard.actor(request, caller), body.slug, "tenant.opened", {"test": body.test})
        try:
            made = await create_tenant(self._writes, body.slug, key_hash, settings, entry, is_test=body.test)
        except TooEarly:
            raise _too_early() from None
        if not made:
            raise Refused(Problem.TENANT_EXISTS, f"There is, or was, a tenant {body.slug}")
        return json_answer({"tenant": body.slug, "storefrontKey": key}, 201)

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}`."""
        caller = await self._guard.authorize(request)
        tenant = await get_tenant(self._reads, caller.tenant)
        if tenant is None:
            raise unknown_tenant()
        return json_answer(_document(tenant))

    async def change(self, request: Request) -> Response:
        """`PATCH /api/tenant/{tenant}`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, TenantChange)
        settings = await self._checked(body.model)
        if not settings:
            raise wrong_fields([FieldError("body", "must name a setting")])
        actor = self._guard.actor(request, caller)
        entry = Entry(actor, caller.tenant, "tenant.changed", {"settings": body.plain})
        try:
            tenant = await change_tenant(self._writes, caller.tenant, settings, entry)
        except CurrencyInUse:
            raise Refused(
                Problem.CURRENCY_IN_USE,
                "The tenant has an order, a card or points, which stay in its currency",
            ) from None
        except TooEarly:
            raise _too_early() from None
        if tenant is None:
            raise unknown_tenant()
        if settings.get("country") is not None:
            # The rest of many accounts is read in the background.
            await read_shop(self._writes, self._announce, tenant.tenant, settings["country"], READING_SECONDS)
        return json_answer(_document(tenant))

    async def delete(self, request: Request) -> Response:
        """`DELETE /api/tenant/{tenant}`: of a test tenant alone."""
        caller = await self._guard.authorize(request)
        entry = Entry(self._guard.actor(request, caller), caller.tenant, "tenant.deleted", {})
        if not await delete_test_tenant(self._writes, caller.tenant, entry):
            if await get_tenant(self._writes, caller.tenant) is None:
                raise unknown_tenant()
            raise Refused(Problem.NOT_A_TEST, f"{caller.tenant} is a real tenant, and stays")
        return Response(status_code=204)

    async def _checked(self, body: TenantChange) -> dict[str, Any]:
        """A body's settings, with what only the database knows looked at."""
        settings = body.settings()
        zone = settings.get("time_zone")
        if zone is not None and not await is_time_zone(self._reads, zone):
            raise wrong_fields([FieldError("timeZone", "must be a time zone's name such as Europe/Berlin")])
        return settings


def _too_early() -> Violation:
    why = "must be one with two decimals until `bellwire migrate --post` has ended the upgrade"
    return wrong_fields([FieldError("currency", why)])


def _document(tenant: Tenant) -> dict[str, Any]:
    points = tenant.points_per_unit
    return {
        "tenant": tenant.tenant,
        "name": tenant.name,
        "ackDeadlineSeconds": tenant.ack_deadline_seconds,
        "alarmRepeats": tenant.alarm_repeats,
        "alarmRoles": tenant.alarm_roles,
        "alarmScope": tenant.alarm_scope,
        "pointsPerUnit": None if points is None else json_cents(int(points * 100)),
        "currency": tenant.currency,
        "orderSources": [
            {"name": source.name, "broadcast": source.broadcast}
            for source in (*BUILT_IN, *tenant.order_sources)
        ],
        "timeZone": tenant.time_zone,
        "preparationMinutes": tenant.preparation_minutes,
        "country": tenant.country,
        "paused": tenant.paused,
        "pausedReason": tenant.paused_reason,
        "disabled": tenant.disabled,
        "test": tenant.is_test,
        "createdAt": tenant.created_at,
    }
