"""Orders over HTTP, to be read: search them, look at one, follow one's journey.

An operator's reading is noted in the audit trail before it is answered.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.core.currency import Currency
from api.core.money import json_cents
from api.core.paging import read_cursor, write_cursor
from api.core.payments import due_cents
from api.db.account_numbers import country_of
from api.db.audit_trail import Entry, note
from api.db.journeys import Journey, journey_of
from api.db.order_search import search_orders
from api.db.orders import StoredOrder, get_order
from api.http.answer import json_answer, ready_json
from api.http.body import path_uuid, query_integer, wrong_fields
from api.http.documents.orders import OrderInFull, OrderJourney, OrderList
from api.http.guard import Caller, Guard, unknown_tenant
from api.http.order_query import read_filter
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, Query, RouteDoc

DEFAULT_LIMIT, MAX_LIMIT = 50, 200

_KEYS = (KeyKind.STOREFRONT, KeyKind.TERMINAL, KeyKind.OPERATOR)
_TEXT = {"type": "string"}
_LIST = RouteDoc(
    "Orders",
    "Search a tenant's orders, newest first.",
    _KEYS,
    OrderList,
    says="An order is answered when it is everything that is asked for. `offset` is the position in the log of this "
    "very page: a terminal that opens its stream behind it misses nothing and repeats nothing. Of several pages the "
    "first one's counts; events behind it are applied over the later ones. A page may end early, with a `next`.",
    query=(
        Query(
            "status",
            "In one of these statuses, comma-separated.",
            {"type": "string", "examples": ["pending,ready"]},
        ),
        Query("orderNumber", "The one with this number.", {"type": "string", "examples": ["ORD-15"]}),
        Query("externalId", "The one with this id of its sender's; several, where sources share one.", _TEXT),
        Query(
            "station",
            "With an item of this station, or with none of any, as a stream's filter has it.",
            _TEXT,
        ),
        Query("phone", "Of this customer; how the number is written does not matter.", _TEXT),
        Query("source", "Of this `orderSource`.", _TEXT),
        Query(
            "from", "Placed from then on: a day of the tenant's `timeZone`, or a moment (RFC 3339).", _TEXT
        ),
        Query("to", "Placed up to this day, which counts as well, or before this moment.", _TEXT),
        Query(
            "unacked", "Pending, due, and seen by nobody who counts.", {"type": "string", "enum": ["true"]}
        ),
        Query(
            "limit",
            "So many at most.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
        Query("after", "The `next` of an earlier answer.", _TEXT),
    ),
)
_GET = RouteDoc("Orders", "An order with its history and its receipts.", _KEYS, OrderInFull)
_JOURNEY = RouteDoc(
    "Orders",
    "An order's journey: who was connected then, whom it was sent to, who saw it, which alarms came.",
    (KeyKind.OPERATOR, KeyKind.STOREFRONT),
    OrderJourney,
    says="`connected` are a terminal's connections between the moment of placing and the one at which the order was "
    "moved on (now, while it is pending). `sentBefore`: one of its streams had come past the order, with a filter that "
    "lets it through; false says that the order lay behind the position at which it left.",
)


class OrderReadRoutes:
    """The three routes."""

    def __init__(self, guard: Guard, reads: Database, writes: Database) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/orders"
        return [
            DescribedRoute("GET", path, self.list, _LIST),
            DescribedRoute("GET", path + "/{orderId}", self.get, _GET),
            DescribedRoute("GET", path + "/{orderId}/journey", self.journey, _JOURNEY),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/orders`."""
        caller = await self._guard.authorize(request)
        limit = query_integer(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        after = request.query_params.get("after")
        before = None if after is None else read_cursor(after)
        country = await country_of(self._reads, caller.tenant) if "phone" in request.query_params else None
        asked, errors = read_filter(request.query_params, country)
        if errors:
            raise wrong_fields(errors)
        page = await search_orders(self._reads, caller.tenant, asked, before, limit)
        if page is None:
            raise unknown_tenant()
        shown = [str(order.order_id) for order in page.orders]
        # The words of a search may be a customer's number: the trail has the names of the filters.
        await self._note(request, caller, "orders.searched", orders=shown, by=sorted(request.query_params))
        return json_answer(
            {
                "orders": [_document(order) for order in page.orders],
                "offset": page.offset,
                "next": None if page.last is None else write_cursor(page.last),
            }
        )

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/orders/{orderId}`."""
        caller = await self._guard.authorize(request)
        order = await get_order(self._reads, caller.tenant, path_uuid(request, "orderId", "order"))
        if order is None:
            raise _unknown_order()
        await self._note(request, caller, "order.read", orders=[str(order.order_id)])
        document = _document(order)
        document["history"] = ready_json(order.history)
        document["receipts"] = ready_json(order.receipts)
        return json_answer(document)

    async def journey(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/orders/{orderId}/journey`."""
        caller = await self._guard.authorize(request)
        order_id = path_uuid(request, "orderId", "order")
        journey = await journey_of(self._reads, caller.tenant, order_id)
        if journey is None:
            raise _unknown_order()
        await self._note(request, caller, "order.journey", orders=[str(order_id)])
        return json_answer(_journey(journey))

    async def _note(self, request: Request, caller: Caller, action: str, **facts: Any) -> None:
        if caller.kind is KeyKind.OPERATOR:
            await note(self._writes, Entry(self._guard.actor(request, caller), caller.tenant, action, facts))


def _unknown_order() -> Refused:
    return Refused(Problem.NOT_FOUND, "There is no such order")


def _journey(journey: Journey) -> dict[str, Any]:
    return {
        "committed": journey.committed,
        "announced": journey.announced,
        "terminals": ready_json(journey.terminals),
        "status": ready_json(journey.status),
        "alarms": ready_json(journey.alarms),
        "webhooks": ready_json(journey.webhooks),
        "claims": ready_json(journey.claims),
    }


def _document(order: StoredOrder) -> dict[str, Any]:
    decimals = Currency(order.currency).decimals
    return {
        "orderId": str(order.order_id),
        "orderNumber": order.number,
        "status": order.status,
        "orderSource": order.source,
        "broadcast": order.offset is not None,
        "externalId": order.external_id,
        "orderType": order.order_type,
        "customerName": order.customer_name,
        "customerPhone": order.customer_phone,
        "customerPhoneNumber": order.customer_number,
        "customerEmail": order.customer_email,
        "items": ready_json(order.items),
        "totalAmount": json_cents(order.total_cents, decimals),
        "currency": order.currency,
        "specialInstructions": order.special_instructions,
        "adjustments": ready_json(order.adjustments),
        "payments": ready_json(order.payments),
        "amountPaid": json_cents(order.paid_cents, decimals),
        "amountDue": json_cents(due_cents(order.total_cents, order.paid_cents), decimals),
        "refunds": ready_json(order.refunds),
        "scheduledFor": order.scheduled_for,
        "dueAt": order.due_at,
        "deliveryAddress": ready_json(order.address),
        "tableNumber": order.table_number,
        "guests": ready_json(order.guests),
        "courier": ready_json(order.courier),
        "metadata": ready_json(order.metadata),
        "offset": order.offset,
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
    }
