"""Gift cards over HTTP: sell one, look at its balance, take from it, give back, top up, void.

The number is said once, at the sale.
"""

import contextlib
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.committer import Committer
from api.core import gift_cards as core
from api.core.currency import Currency
from api.core.money import json_cents
from api.core.secret_ring import SecretRing
from api.db.gift_cards import (
    NewCard,
    Presented,
    get_card,
    move_card,
    redeem_card,
    refund_card,
    sell_card,
    top_up_card,
    void_card,
)
from api.db.secrets_in_use import first_secret
from api.db.writes import Attempt, DayOver, WriteOutcome, Written
from api.http.amounts import Amounts
from api.http.answer import ORDER_REFUSALS, Refusals, json_answer, write_answer
from api.http.attempt import attempt_of
from api.http.body import Body, read_body, read_plain, wrong_fields
from api.http.documents.money import (
    CardBalance,
    CardGivenBack,
    CardRedeemed,
    CardSold,
    CardToppedUp,
    CardVoided,
)
from api.http.gift_card_body import PurchaseBody, RedeemBody, RefundBody, TopUpBody, VoidBody
from api.http.guard import Caller, Guard
from api.limits import Limits
from backbone.contract.errors import FieldError, Problem, Refused, Unavailable
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

log = logging.getLogger("bellwire.secrets")

M = TypeVar("M", bound=Body)


_NO_CARD = (Problem.NOT_FOUND, "There is no such gift card")
_VOIDED = (Problem.CARD_VOIDED, "It was voided, and holds nothing any more")
REDEEM_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: _NO_CARD,
    WriteOutcome.VOIDED: _VOIDED,
    WriteOutcome.EXPIRED: (Problem.CARD_EXPIRED, "Its expiry date has passed"),
    WriteOutcome.INSUFFICIENT: (Problem.INSUFFICIENT_BALANCE, "The balance is less than the amount"),
    **ORDER_REFUSALS,
}
REFUND_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: _NO_CARD,
    WriteOutcome.VOIDED: _VOIDED,
    WriteOutcome.NOT_REDEEMED: (Problem.NOT_REDEEMED, "{left} is left of it to be given back"),
}
TOP_UP_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: _NO_CARD,
    WriteOutcome.VOIDED: _VOIDED,
    WriteOutcome.EXPIRED: (Problem.INVALID_FIELDS, "of this card has passed where the shop is"),
}
VOID_REFUSALS: Refusals = {WriteOutcome.NOT_FOUND: _NO_CARD, WriteOutcome.VOIDED: _VOIDED}


_TILL_OR_SHOP = (KeyKind.STOREFRONT, KeyKind.TERMINAL)
_PURCHASE = RouteDoc(
    "Gift cards",
    "Sell a gift card.",
    (KeyKind.STOREFRONT,),
    CardSold,
    201,
    says="The full number is in this answer and nowhere else; events carry it masked but for the last four. "
    "A card is good to the end of its `expiryDate` where the shop is (`timeZone`); one that has passed is 422.",
    body=PurchaseBody,
    idempotent=True,
)
_GET = RouteDoc(
    "Gift cards",
    "The balance of a gift card.",
    _TILL_OR_SHOP,
    CardBalance,
    says="Guessing is slowed down: a key that asks for many wrong numbers is answered with 429 for a while.",
)
_REDEEM = RouteDoc(
    "Gift cards",
    "Take from a gift card.",
    _TILL_OR_SHOP,
    CardRedeemed,
    says="`orderId` is an order of the shop that is not cancelled; what was taken for it comes back when it is.",
    body=RedeemBody,
    idempotent=True,
    problems=(
        Problem.INSUFFICIENT_BALANCE,
        Problem.CARD_EXPIRED,
        Problem.CARD_VOIDED,
        Problem.WRONG_STEP,
        Problem.TOO_MANY_REDEMPTIONS,
    ),
)
_REFUND = RouteDoc(
    "Gift cards",
    "Give back to a gift card.",
    _TILL_OR_SHOP,
    CardGivenBack,
    says="Of one redemption (`redemptionId`), or of what the card paid for an order (`orderId`), the oldest redemption "
    "first; one of the two is required. A redemption is given back once in all, by refunds and by its order's cancel "
    "together. An expired card gets it, and stays expired.",
    body=RefundBody,
    idempotent=True,
    problems=(Problem.NOT_REDEEMED, Problem.CARD_VOIDED),
)
_TOP_UP = RouteDoc(
    "Gift cards",
    "Put more on a gift card.",
    (KeyKind.STOREFRONT,),
    CardToppedUp,
    says="A card whose last day has passed where the shop is (`timeZone`) is 422.",
    body=TopUpBody,
    idempotent=True,
    problems=(Problem.CARD_VOIDED,),
)
_VOID = RouteDoc(
    "Gift cards",
    "Void a gift card, with all that is on it.",
    (KeyKind.OPERATOR, KeyKind.STOREFRONT),
    CardVoided,
    body=VoidBody,
    idempotent=True,
    problems=(Problem.CARD_VOIDED,),
)


class GiftCardRoutes:
    """The routes. `ring` makes and finds card numbers."""

    def __init__(
        self,
        guard: Guard,
        committer: Committer,
        reads: Database,
        writes: Database,
        ring: SecretRing,
        limits: Limits,
        amounts: Amounts,
    ) -> None:
        self._amounts = amounts
        self._limits = limits
        self._guard = guard
        self._committer = committer
        self._reads = reads
        self._writes = writes
        self._ring = ring

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/gift-cards"
        return [
            DescribedRoute("POST", f"{path}/purchase", self.purchase, _PURCHASE),
            DescribedRoute("GET", f"{path}/{{cardNumber}}", self.get, _GET),
            DescribedRoute("POST", f"{path}/{{cardNumber}}/redeem", self.redeem, _REDEEM),
            DescribedRoute("POST", f"{path}/{{cardNumber}}/refund", self.refund, _REFUND),
            DescribedRoute("POST", f"{path}/{{cardNumber}}/top-up", self.top_up, _TOP_UP),
            DescribedRoute("POST", f"{path}/{{cardNumber}}/void", self.void, _VOID),
        ]

    async def purchase(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/gift-cards/purchase`."""
        caller = await self._guard.authorize(request)

        async def sell(sale: PurchaseBody, attempt: Attempt, decimals: int) -> Response:
            salt, number = self._draw()
            card = NewCard(
                uuid.uuid4(),
                core.number_hmac(self._ring.newest, number),
                core.last_four(number),
                salt,
                sale.amount,
                sale.purchased_by,
                sale.recipient_name,
                sale.recipient_email,
                sale.expiry_date,
                self._ring.newest_id,
                decimals,
            )
            expiry = None if sale.expiry_date is None else sale.expiry_date.isoformat()
            data = core.purchased_data(
                number,
                sale.amount,
                sale.purchased_by,
                sale.recipient_name,
                sale.recipient_email,
                expiry,
                decimals,
            )
            try:
                written = await self._committer.commit(
                    caller.tenant, lambda database: sell_card(database, attempt, card, data)
                )
            except DayOver:
                raise wrong_fields(
                    [FieldError("expiryDate", "must not be before the shop's today")]
                ) from None
            return write_answer(written, 201, {}, await self._with_number(written.result))

        return await self._act(request, caller, PurchaseBody, sell)

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/gift-cards/{cardNumber}`."""
        caller = await self._guard.authorize(request)
        with self._limits.guesses.guess(caller.tenant, caller.kind, caller.guesser) as guess:
            number = self._number(request)
            card = await get_card(self._reads, caller.tenant, self._presented(number))
            guess.wrong = card is None
        if card is None:
            raise Refused(*_NO_CARD)
        if card.outdated:
            # Nothing of the answer depends on it: it moves the next time otherwise.
            with contextlib.suppress(Unavailable):
                await move_card(self._writes, caller.tenant, self._presented(number))
        balance = json_cents(card.balance_cents, Currency(card.currency).decimals)
        return json_answer({"balance": balance, "expiryDate": card.expiry_date})

    async def redeem(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/gift-cards/{cardNumber}/redeem`."""
        caller = await self._guard.authorize(request)

        async def take(use: RedeemBody, attempt: Attempt, decimals: int) -> Response:
            # As the order says it; what is no order's is refused.
            order_id = None if use.order_id is None else use.order_id.lower()

            def redeem(database: Database, number: str) -> Awaitable[Written]:
                data = core.redeemed_data(number, use.amount, order_id, decimals)
                return redeem_card(database, attempt, self._presented(number), use.amount, order_id, data)

            return write_answer(await self._move(request, caller, redeem), 200, REDEEM_REFUSALS)

        return await self._act(request, caller, RedeemBody, take)

    async def refund(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/gift-cards/{cardNumber}/refund`."""
        caller = await self._guard.authorize(request)

        async def give_back(back: RefundBody, attempt: Attempt, _: int) -> Response:
            if back.redemption_id is None and back.order_id is None:
                raise wrong_fields([FieldError("redemptionId", "or orderId is required")])

            def refund(database: Database, number: str) -> Awaitable[Written]:
                presented = self._presented(number)
                return refund_card(
                    database, attempt, presented, back.amount, back.redemption_id, back.order_id, back.reason
                )

            return write_answer(await self._move(request, caller, refund), 200, REFUND_REFUSALS)

        return await self._act(request, caller, RefundBody, give_back)

    async def top_up(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/gift-cards/{cardNumber}/top-up`."""
        caller = await self._guard.authorize(request)

        async def put(more: TopUpBody, attempt: Attempt, _: int) -> Response:
            def top_up(database: Database, number: str) -> Awaitable[Written]:
                return top_up_card(database, attempt, self._presented(number), more.amount, more.purchased_by)

            written = await self._move(request, caller, top_up)
            if written.outcome is WriteOutcome.EXPIRED:
                raise wrong_fields([FieldError("expiryDate", TOP_UP_REFUSALS[written.outcome][1])])
            return write_answer(written, 200, TOP_UP_REFUSALS)

        return await self._act(request, caller, TopUpBody, put)

    async def void(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/gift-cards/{cardNumber}/void`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, VoidBody, optional=True)
        attempt = attempt_of(request, caller, body.plain)

        def void(database: Database, number: str) -> Awaitable[Written]:
            return void_card(database, attempt, self._presented(number), body.model.reason)

        return write_answer(await self._move(request, caller, void), 200, VOID_REFUSALS)

    async def _act(
        self,
        request: Request,
        caller: Caller,
        model: type[M],
        act: Callable[[M, Attempt, int], Awaitable[Response]],
    ) -> Response:
        """Act on a body with the attempt that it is, and with the decimals of the tenant's currency."""
        plain = await read_plain(request)

        def at(body: M, currency: Currency) -> Awaitable[Response]:
            return act(body, attempt_of(request, caller, plain.value, currency), currency.decimals)

        return await self._amounts.act(caller.tenant, plain, model, at)

    async def _move(
        self, request: Request, caller: Caller, write: Callable[[Database, str], Awaitable[Written]]
    ) -> Written:
        """Commit what is done with the card that the path names; a wrong number counts as a guess."""
        with self._limits.guesses.guess(caller.tenant, caller.kind, caller.guesser) as guess:
            number = self._number(request)
            written = await self._committer.commit(caller.tenant, lambda database: write(database, number))
            guess.wrong = written.outcome is WriteOutcome.NOT_FOUND
        return written

    def _number(self, request: Request) -> str:
        """Read the number; one that cannot be a card's is answered like one that is not, and is no guess."""
        number = core.normalise_number(request.path_params["cardNumber"])
        if number is None:
            raise Refused(*_NO_CARD)
        return number

    def _presented(self, number: str) -> Presented:
        return Presented(
            [core.number_hmac(secret, number) for secret in self._ring.all], self._ring.newest_id
        )

    def _draw(self) -> tuple[str, str]:
        """Draw a salt whose number can be typed: five of 37 cannot."""
        while True:
            salt = core.make_salt(self._ring.newest, secrets.token_bytes(core.SALT_BYTES))
            number = core.derive_number(self._ring.newest, salt.encode())
            if number is not None:
                return salt, number

    async def _with_number(self, result: bytes) -> bytes:
        """Put the card number in the place of the salt that it is derived from; the rest stays as it is.

        Raises:
            Unavailable: it is of a secret that this pod does not have, or PostgreSQL.
        """
        salt = orjson.loads(result)["salt"]
        secret = core.secret_of_salt(salt, self._ring.all)
        if secret is None and not core.is_tagged(salt):
            secret = self._ring.get(await first_secret(self._reads) or self._ring.ids[-1])
        if secret is None:
            log.error(
                "secrets.missing", extra={"hint": "a sale is repeated that was made under another secret"}
            )
            raise Unavailable("the secret of this gift card")
        number = core.derive_number(secret, salt.encode())
        return result.replace(f'"salt":"{salt}"'.encode(), f'"cardNumber":"{number}"'.encode(), 1)
