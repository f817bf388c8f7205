"""Orders over HTTP: place one, move one on."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.committer import Committer
from api.core.currency import Currency
from api.core.moment import is_too_far
from api.core.order_event import new_order_forms
from api.core.orders import (
    NewOrder,
    OrderStatus,
    complaints,
    currency_complaints,
    reckon,
    steps_into,
)
from api.countries import Countries
from api.db.orders import Placing, change_status, new_order_id
from api.db.writes import OtherCountry, WriteOutcome, Written
from api.http.amounts import Amounts
from api.http.answer import Refusals, write_answer
from api.http.attempt import attempt_of
from api.http.body import (
    Body,
    FilledLine,
    MomentOf,
    Plain,
    biggest_field,
    path_uuid,
    read_body,
    read_plain,
    wrong_fields,
)
from api.http.documents.orders import OrderPlaced, StatusChanged
from api.http.guard import Caller, Guard, unknown_tenant
from api.http.order_body import MAX_BYTES, OrderBody, check_order
from api.http.plain_order import PlainOrder
from api.metrics import NOT_RETURNED, UNREADABLE_PHONES
from backbone.contract.errors import FieldError, Problem, Violation
from backbone.contract.event import MAX_EVENT_BYTES
from backbone.contract.keys import KeyKind
from backbone.runtime.routes import DescribedRoute, RouteDoc


class StatusBody(Body):
    """The status to step to; why, and when the order will be ready."""

    status: Literal["pending", "preparing", "ready", "completed", "cancelled"]
    reason: FilledLine | None = None
    ready_at: MomentOf | None = None


PLACE_REFUSALS: Refusals = {
    WriteOutcome.EXTERNAL_ID_TAKEN: (Problem.EXTERNAL_ID_TAKEN, "{orderNumber} has it, and is {status}"),
    WriteOutcome.UNKNOWN_SOURCE: (Problem.INVALID_FIELDS, "must be one of the shop's sources: {sources}"),
}
STATUS_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: (Problem.NOT_FOUND, "There is no such order"),
    WriteOutcome.WRONG_STEP: (Problem.WRONG_STEP, "The order is {status}"),
}


_KEYS = (KeyKind.STOREFRONT, KeyKind.TERMINAL)
_CREATE = RouteDoc(
    "Orders",
    "Place an order.",
    _KEYS,
    OrderPlaced,
    201,
    says="`orderSource` is one of the tenant's `orderSources`, in any case; where that one broadcasts, as `online` "
    "(the default) does, the order makes a `new_order` event. `tenant`, when given, must be the key's. "
    "A line is `quantity` × (`unitPrice` and its modifiers for one unit), rounded once, half away "
    "from zero; the total is the sum of the lines and of the adjustments that are not `included`. The body may have "
    "256 KiB. `customerPhone` is kept as it is written; one that is no number is taken with a warning, and earns "
    "nothing. An order whose event would pass 32 KiB is taken all the same: its event is thin (`itemsOmitted`, "
    "`itemCount`, `omitted`), and `GET …/orders/{orderId}` has everything. Amounts have the decimals of the tenant's "
    "`currency`; an order that names one must name that.",
    body=OrderBody,
    idempotent=True,
    problems=(Problem.EVENT_TOO_LARGE, Problem.EXTERNAL_ID_TAKEN),
)
_CHANGE_STATUS = RouteDoc(
    "Orders",
    "Move an order on.",
    _KEYS,
    StatusChanged,
    says="`pending` → `preparing` → `ready` → `completed`; `cancelled` from any but `completed`. `ready` → `preparing` "
    "and `preparing` → `pending` undo a mistake, and arm no alarm anew. A 409 `wrong-step` says who was first (`by`), "
    "and when (`at`). A cancel gives back what gift cards and points paid for the order; what a voided card paid "
    "stands in `giftCardsNotReturned`.",
    body=StatusBody,
    idempotent=True,
    problems=(Problem.WRONG_STEP,),
)


class OrderRoutes:
    """The two routes."""

    def __init__(self, guard: Guard, committer: Committer, amounts: Amounts) -> None:
        self._guard = guard
        self._committer = committer
        self._amounts = amounts
        self._countries = Countries()

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        return [
            DescribedRoute("POST", "/api/tenant/orders/create", self.create, _CREATE),
            DescribedRoute(
                "PATCH", "/api/tenant/{tenant}/orders/{orderId}/status", self.change_status, _CHANGE_STATUS
            ),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenant/orders/create`."""
        caller = await self._guard.authorize(request)
        plain = await read_plain(request, limit=MAX_BYTES)
        return await self._amounts.act_by(
            caller.tenant,
            plain,
            check_order,
            lambda body, currency: self._create(request, caller, plain, body, currency),
        )

    async def _create(
        self, request: Request, caller: Caller, plain: Plain, body: OrderBody | PlainOrder, currency: Currency
    ) -> Response:
        if body.tenant not in (None, caller.tenant):
            raise unknown_tenant()
        attempt = attempt_of(request, caller, plain.value, currency)
        country = self._countries.of(caller.tenant)
        order = body.order(country, currency)
        bill = reckon(order)
        wrong = [*currency_complaints(body.currency, currency), *complaints(order, bill, body.total_amount)]
        if order.scheduled_for is not None and is_too_far(order.scheduled_for, datetime.now(UTC)):
            wrong.append(FieldError("scheduledFor", "must be at most a year ahead"))
        if wrong:
            raise wrong_fields(wrong)
        weight = plain.size if plain.size > MAX_EVENT_BYTES else None
        placing = Placing(attempt, new_order_id(), order, bill, new_order_forms(order, bill), weight, country)
        try:
            placed, written = await self._place(placing, body)
        except Violation as exc:
            raise _name_biggest(exc, plain.value) from exc
        if written.outcome is WriteOutcome.UNKNOWN_SOURCE:
            raise _unknown_source(written)
        unreadable = placed.number is None and placed.customer_phone is not None
        if unreadable and written.outcome is WriteOutcome.OK and not written.replayed:
            UNREADABLE_PHONES.inc()
        return write_answer(written, 201, PLACE_REFUSALS)

    async def _place(self, placing: Placing, body: OrderBody | PlainOrder) -> tuple[NewOrder, Written]:
        """Commit it; returns what became of it, and the order with its number as the database took it."""
        while True:
            try:
                return placing.order, await self._committer.place(placing)
            except OtherCountry as exc:
                # This pod did not know, or somebody has just changed it: the number is read anew, and nothing else.
                self._countries.learn(placing.attempt.tenant, exc.country)
                order = body.order(exc.country, placing.order.currency)
                forms = new_order_forms(order, placing.bill)
                placing = replace(placing, order=order, forms=forms, country=exc.country)

    async def change_status(self, request: Request) -> Response:
        """`PATCH /api/tenant/{tenant}/orders/{orderId}/status`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, StatusBody)
        order_id = path_uuid(request, "orderId", "order")
        attempt = attempt_of(request, caller, body.plain)
        step = body.model
        if step.ready_at is not None and is_too_far(step.ready_at, datetime.now(UTC)):
            raise wrong_fields([FieldError("readyAt", "must be at most a year ahead")])
        status = OrderStatus(step.status)
        written = await self._committer.commit(
            caller.tenant,
            lambda database: change_status(
                database, attempt, order_id, status, steps_into(status), step.reason, step.ready_at
            ),
        )
        if status is OrderStatus.CANCELLED and written.outcome is WriteOutcome.OK and not written.replayed:
            NOT_RETURNED.inc(len(orjson.loads(written.result).get("giftCardsNotReturned", ())))
        return write_answer(written, 200, STATUS_REFUSALS)


def _unknown_source(written: Written) -> Violation:
    _, message = PLACE_REFUSALS[WriteOutcome.UNKNOWN_SOURCE]
    sources = ", ".join(orjson.loads(written.result)["sources"])
    return wrong_fields([FieldError("orderSource", message.format(sources=sources))])


def _name_biggest(exc: Violation, plain: dict[str, Any]) -> Violation:
    if exc.problem is not Problem.EVENT_TOO_LARGE:
        return exc
    name = biggest_field(plain)
    return Violation.field(Problem.EVENT_TOO_LARGE, name, "makes an event of more than 32768 bytes")
