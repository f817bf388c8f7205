"""Loyalty over HTTP: add points, redeem points, look at an account."""

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.committer import Committer
from api.core.loyalty import MAX_POINTS, loyalty_data
from api.core.phones import NoNumber, PhoneNumber, names_of, read_phone
from api.db.account_numbers import country_of
from api.db.loyalty import change_points, get_account
from api.db.writes import WriteOutcome
from api.http.answer import ORDER_REFUSALS, Refusals, json_answer, ready_json, write_answer
from api.http.attempt import attempt_of
from api.http.body import Body, FilledText, Read, read_body, wrong_fields
from api.http.documents.money import Account, PointsChanged
from api.http.guard import Caller, Guard
from backbone.contract.errors import FieldError, Problem, Refused
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc


class PointsBody(Body):
    """How many, and why."""

    points: Annotated[int, Field(ge=1, le=MAX_POINTS)]
    reason: FilledText | None = None


class RedeemPointsBody(PointsBody):
    """The order that they pay for, too."""

    order_id: FilledText | None = None


_NO_ACCOUNT = (Problem.NOT_FOUND, "There is no loyalty account with this phone number")
CHANGE_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: _NO_ACCOUNT,
    WriteOutcome.INSUFFICIENT: (Problem.INSUFFICIENT_POINTS, "The account has fewer points than that"),
    **ORDER_REFUSALS,
}


_KEYS = (KeyKind.STOREFRONT, KeyKind.TERMINAL)
_ADD = RouteDoc(
    "Loyalty",
    "Add points.",
    _KEYS,
    PointsChanged,
    says="Makes the account when there is none.",
    body=PointsBody,
    idempotent=True,
)
_REDEEM = RouteDoc(
    "Loyalty",
    "Redeem points.",
    _KEYS,
    PointsChanged,
    says="Those that name an `orderId` come back when that order is cancelled.",
    body=RedeemPointsBody,
    idempotent=True,
    problems=(Problem.INSUFFICIENT_POINTS, Problem.WRONG_STEP, Problem.TOO_MANY_REDEMPTIONS),
)
# The phone number in the path can be none.
_GET = RouteDoc(
    "Loyalty",
    "A customer's points, with the newest transactions.",
    _KEYS,
    Account,
    problems=(Problem.INVALID_FIELDS,),
)


class LoyaltyRoutes:
    """The three routes."""

    def __init__(self, guard: Guard, committer: Committer, reads: Database) -> None:
        self._guard = guard
        self._committer = committer
        self._reads = reads

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        return [
            DescribedRoute("POST", "/api/{tenant}/loyalty/{phone}/add", self.add, _ADD),
            DescribedRoute("POST", "/api/{tenant}/loyalty/{phone}/redeem", self.redeem, _REDEEM),
            DescribedRoute("GET", "/api/{tenant}/loyalty/{phone}", self.get, _GET),
        ]

    async def add(self, request: Request) -> Response:
        """`POST /api/{tenant}/loyalty/{phone}/add`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, PointsBody)
        return await self._change(request, caller, body, "add", body.model.points, None)

    async def redeem(self, request: Request) -> Response:
        """`POST /api/{tenant}/loyalty/{phone}/redeem`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, RedeemPointsBody)
        return await self._change(request, caller, body, "redeem", -body.model.points, body.model.order_id)

    async def _change(
        self,
        request: Request,
        caller: Caller,
        body: Read[PointsBody] | Read[RedeemPointsBody],
        transaction_type: str,
        change: int,
        order_id: str | None,
    ) -> Response:
        number, _ = await self._number(request, caller)
        attempt = attempt_of(request, caller, body.plain)
        reason = body.model.reason
        data = loyalty_data(request.path_params["phone"], change, transaction_type, reason)
        written = await self._committer.commit(
            caller.tenant,
            lambda database: change_points(
                database, attempt, number, transaction_type, change, reason, data, order_id
            ),
        )
        return write_answer(written, 200, CHANGE_REFUSALS)

    async def get(self, request: Request) -> Response:
        """`GET /api/{tenant}/loyalty/{phone}`."""
        caller = await self._guard.authorize(request)
        _, names = await self._number(request, caller)
        account = await get_account(self._reads, caller.tenant, names)
        if account is None:
            raise Refused(*_NO_ACCOUNT)
        return json_answer(
            {
                "customerId": str(account.customer_id),
                "newBalance": account.points,
                "transactions": ready_json(account.transactions),
            }
        )

    async def _number(self, request: Request, caller: Caller) -> tuple[PhoneNumber, tuple[str, ...]]:
        """Read the number, and the names that its account may have."""
        given = request.path_params["phone"]
        try:
            number = read_phone(given, None)
            country = await country_of(self._reads, caller.tenant)
            return read_phone(given, country) if number.depends else number, names_of(given, country)
        except NoNumber as exc:
            raise wrong_fields([FieldError("phone", str(exc))]) from None
