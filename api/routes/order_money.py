"""An order's money over HTTP: a payment that comes later, and money that was given back outside.

Why: docs/decisions/0118-money-of-an-order.md
"""

import uuid
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from api.committer import Committer
from api.core.currency import Currency
from api.core.payments import LATER, Payment, PaymentStatus, require_later
from api.db.order_money import pay_order, refund_order
from api.db.writes import WriteOutcome
from api.http.amounts import Amounts
from api.http.answer import Refusals, write_answer
from api.http.attempt import attempt_of
from api.http.body import Body, FilledLine, Line, PositiveCents, path_uuid, read_plain
from api.http.documents.orders import OrderPaid, OrderRefunded
from api.http.guard import Guard
from backbone.contract.errors import Problem
from backbone.contract.keys import KeyKind
from backbone.runtime.routes import DescribedRoute, RouteDoc

LaterStatus = Annotated[
    PaymentStatus,
    Field(strict=False),
    AfterValidator(require_later),
    WithJsonSchema({"type": "string", "enum": [status.value for status in LATER]}),
]


class PaidBody(Body):
    """A payment that was made, or authorized."""

    method: FilledLine
    amount: PositiveCents
    status: LaterStatus
    reference: Line | None = None


class RefundedBody(Body):
    """Money that was given back outside."""

    amount: PositiveCents
    reason: FilledLine | None = None


_NO_ORDER = (Problem.NOT_FOUND, "There is no such order")
_TOO_MANY = (Problem.TOO_MANY_PAYMENTS, "It has 100 of them")
PAY_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: _NO_ORDER,
    WriteOutcome.WRONG_STEP: (Problem.WRONG_STEP, "The order is {status}"),
    WriteOutcome.OVERPAID: (Problem.OVERPAID, "{amountDue} is due"),
    WriteOutcome.TOO_MANY_PAYMENTS: _TOO_MANY,
}
REFUND_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: _NO_ORDER,
    WriteOutcome.REFUND_TOO_HIGH: (Problem.REFUND_TOO_HIGH, "{amountPaid} may go back"),
    WriteOutcome.TOO_MANY_PAYMENTS: _TOO_MANY,
}

_KEYS = (KeyKind.STOREFRONT, KeyKind.TERMINAL)
_PAY = RouteDoc(
    "Orders",
    "Take down a payment of an order.",
    _KEYS,
    OrderPaid,
    201,
    says="A `paid` one counts for `amountPaid`; an `authorized` one does not, and is paid by a payment of its own. "
    "Neither may bring `amountPaid` above the total (409 `overpaid`), and an order that was cancelled takes none (409 "
    "`wrong-step`).",
    body=PaidBody,
    idempotent=True,
    problems=(Problem.OVERPAID, Problem.WRONG_STEP, Problem.TOO_MANY_PAYMENTS),
)
_REFUND = RouteDoc(
    "Orders",
    "Take down money of an order that was given back outside.",
    _KEYS,
    OrderRefunded,
    201,
    says="Never more than `amountPaid`, which is what was paid less what was refunded and given back to gift cards "
    "(409 `refund-too-high`); of completed and cancelled orders too. It moves no money: gift cards have a refund of "
    "their own.",
    body=RefundedBody,
    idempotent=True,
    problems=(Problem.REFUND_TOO_HIGH, Problem.TOO_MANY_PAYMENTS),
)


class OrderMoneyRoutes:
    """The two routes."""

    def __init__(self, guard: Guard, committer: Committer, amounts: Amounts) -> None:
        self._guard = guard
        self._committer = committer
        self._amounts = amounts

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/orders/{orderId}"
        return [
            DescribedRoute("POST", f"{path}/payments", self.pay, _PAY),
            DescribedRoute("POST", f"{path}/refunds", self.refund, _REFUND),
        ]

    async def pay(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/orders/{orderId}/payments`."""
        caller = await self._guard.authorize(request)
        plain = await read_plain(request)

        async def act(body: PaidBody, currency: Currency) -> Response:
            order_id = path_uuid(request, "orderId", "order")
            attempt = attempt_of(request, caller, plain.value, currency)
            payment = Payment(body.method, body.amount, body.status, body.reference)
            written = await self._committer.commit(
                caller.tenant,
                lambda database: pay_order(database, attempt, order_id, uuid.uuid4(), payment),
            )
            return write_answer(written, 201, PAY_REFUSALS)

        return await self._amounts.act(caller.tenant, plain, PaidBody, act)

    async def refund(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/orders/{orderId}/refunds`."""
        caller = await self._guard.authorize(request)
        plain = await read_plain(request)

        async def act(body: RefundedBody, currency: Currency) -> Response:
            order_id = path_uuid(request, "orderId", "order")
            attempt = attempt_of(request, caller, plain.value, currency)
            written = await self._committer.commit(
                caller.tenant,
                lambda database: refund_order(
                    database, attempt, order_id, uuid.uuid4(), body.amount, body.reason
                ),
            )
            return write_answer(written, 201, REFUND_REFUSALS)

        return await self._amounts.act(caller.tenant, plain, RefundedBody, act)
