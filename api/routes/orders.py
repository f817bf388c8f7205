"""Orders over HTTP: place one, list them, look at one, move one on."""

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.committer import Committer
from api.core.money import json_cents
from api.core.orders import Item, NewOrder, OrderStatus, new_order_data, steps_into
from api.core.paging import read_cursor, write_cursor
from api.db.orders import Placing, StoredOrder, change_status, get_order, list_orders, new_order_id
from api.db.writes import WriteOutcome
from api.http.answer import Refusals, json_answer, ready_json, write_answer
from api.http.attempt import attempt_of
from api.http.body import (
    Body,
    Cents,
    Email,
    Name,
    Phone,
    Text,
    Word,
    biggest_field,
    path_uuid,
    query_integer,
    read_body,
    wrong_fields,
)
from api.http.documents import OrderInFull, OrderList, OrderPlaced, StatusChanged
from api.http.guard import Guard, unknown_tenant
from backbone.contract.errors import FieldError, Problem, Refused, Violation
from backbone.contract.event import MAX_EVENT_BYTES
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, Query, RouteDoc

MAX_ITEMS = 500
DEFAULT_LIMIT, MAX_LIMIT = 50, 200


class ItemBody(Body):
    """One line of an order."""

    name: Name
    quantity: Annotated[int, Field(ge=1, le=10_000)]
    unit_price: Cents
    notes: Text | None = None


class OrderBody(Body):
    """The body that places an order."""

    tenant: str | None = None
    order_source: Word = "online"
    order_type: Word
    customer_name: Name
    customer_phone: Phone | None = None
    customer_email: Email | None = None
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=MAX_ITEMS)]
    special_instructions: Text | None = None

    def order(self) -> NewOrder:
        """The order as the core knows it."""
        return NewOrder(
            self.order_source,
            self.order_type,
            self.customer_name,
            self.customer_phone,
            self.customer_email,
            tuple(Item(item.name, item.quantity, item.unit_price, item.notes) for item in self.items),
            self.special_instructions,
        )


class StatusBody(Body):
    """The status to step to."""

    status: Literal["pending", "preparing", "ready", "completed", "cancelled"]


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
    says="An order whose `orderSource` is `online` (the default) makes a `new_order` event. `tenant`, when given, "
    "must be the key's.",
    body=OrderBody,
    idempotent=True,
    problems=(Problem.EVENT_TOO_LARGE,),
)
_LIST = RouteDoc(
    "Orders",
    "The orders of a tenant, newest first.",
    _KEYS,
    OrderList,
    query=(
        Query("status", "Only orders in this status.", {"enum": [status.value for status in OrderStatus]}),
        Query(
            "limit",
            "So many at most.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
        Query("after", "The `next` of an earlier answer.", {"type": "string"}),
    ),
)
_GET = RouteDoc("Orders", "An order with its history and its receipts.", _KEYS, OrderInFull)
_CHANGE_STATUS = RouteDoc(
    "Orders",
    "Move an order on.",
    _KEYS,
    StatusChanged,
    says="`pending` → `preparing` → `ready` → `completed`; `cancelled` from any but `completed`.",
    body=StatusBody,
    idempotent=True,
    problems=(Problem.WRONG_STEP,),
)


class OrderRoutes:
    """The four routes."""

    def __init__(self, guard: Guard, committer: Committer, reads: Database) -> None:
        self._guard = guard
        self._committer = committer
        self._reads = reads

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        return [
            DescribedRoute("POST", "/api/tenant/orders/create", self.create, _CREATE),
            DescribedRoute("GET", "/api/tenant/{tenant}/orders", self.list, _LIST),
            DescribedRoute("GET", "/api/tenant/{tenant}/orders/{orderId}", self.get, _GET),
            DescribedRoute(
                "PATCH", "/api/tenant/{tenant}/orders/{orderId}/status", self.change_status, _CHANGE_STATUS
            ),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenant/orders/create`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, OrderBody)
        if body.model.tenant not in (None, caller.tenant):
            raise unknown_tenant()
        attempt = attempt_of(request, caller.tenant, body.plain)
        order = body.model.order()
        data = _event_data(order, body.plain)
        order_id = new_order_id()
        try:
            written = await self._committer.place(Placing(attempt, order_id, order, data))
        except Violation as exc:
            raise _name_biggest(exc, body.plain) from exc
        return write_answer(written, 201, {})

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/orders`."""
        caller = await self._guard.authorize(request)
        status = _query_status(request)
        limit = query_integer(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        after = request.query_params.get("after")
        before = None if after is None else read_cursor(after)
        # One more than asked for tells whether there is a next page.
        orders = await list_orders(self._reads, caller.tenant, status, before, limit + 1)
        more = len(orders) > limit
        return json_answer(
            {
                "orders": [_document(order) for order in orders[:limit]],
                "next": write_cursor(orders[limit - 1].order_seq) if more else None,
            }
        )

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/orders/{orderId}`."""
        caller = await self._guard.authorize(request)
        order = await get_order(self._reads, caller.tenant, path_uuid(request, "orderId", "order"))
        if order is None:
            raise Refused(Problem.NOT_FOUND, "There is no such order")
        document = _document(order)
        document["history"] = ready_json(order.history)
        document["receipts"] = ready_json(order.receipts)
        return json_answer(document)

    async def change_status(self, request: Request) -> Response:
        """`PATCH /api/tenant/{tenant}/orders/{orderId}/status`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, StatusBody)
        order_id = path_uuid(request, "orderId", "order")
        attempt = attempt_of(request, caller.tenant, body.plain)
        status = OrderStatus(body.model.status)
        written = await self._committer.commit(
            caller.tenant,
            lambda database: change_status(database, attempt, order_id, status, steps_into(status)),
        )
        return write_answer(written, 200, STATUS_REFUSALS)


def _event_data(order: NewOrder, plain: dict[str, Any]) -> bytes | None:
    if not order.makes_event:
        return None
    data = new_order_data(order)
    # The database adds members that are not known yet and decides; this check only spares it hopeless cases.
    if len(data) > MAX_EVENT_BYTES:
        raise _name_biggest(Violation(Problem.EVENT_TOO_LARGE, ""), plain)
    return data


def _name_biggest(exc: Violation, plain: dict[str, Any]) -> Violation:
    if exc.problem is not Problem.EVENT_TOO_LARGE:
        return exc
    name = biggest_field(plain)
    return Violation.field(Problem.EVENT_TOO_LARGE, name, "makes an event of more than 32768 bytes")


def _query_status(request: Request) -> OrderStatus | None:
    text = request.query_params.get("status")
    if text is None:
        return None
    try:
        return OrderStatus(text)
    except ValueError:
        known = ", ".join(status.value for status in OrderStatus)
        raise wrong_fields([FieldError("status", f"must be one of {known}")]) from None


def _document(order: StoredOrder) -> dict[str, Any]:
    return {
        "orderId": str(order.order_id),
        "orderNumber": order.number,
        "status": order.status,
        "orderSource": order.source,
        "orderType": order.order_type,
        "customerName": order.customer_name,
        "customerPhone": order.customer_phone,
        "customerEmail": order.customer_email,
        "items": ready_json(order.items),
        "totalAmount": json_cents(order.total_cents),
        "specialInstructions": order.special_instructions,
        "offset": order.offset,
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
    }
