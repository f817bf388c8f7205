"""Gift cards over HTTP: sell one, look at its balance, take from it. The number is said once, at the sale."""

import contextlib
import logging
import secrets
import uuid

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.committer import Committer
from api.core import gift_cards as core
from api.core.money import json_cents
from api.core.secret_ring import SecretRing
from api.db.gift_cards import NewCard, Presented, get_card, move_card, redeem_card, sell_card
from api.db.secrets_in_use import first_secret
from api.db.writes import DayOver, WriteOutcome
from api.http.answer import Refusals, json_answer, write_answer
from api.http.attempt import attempt_of
from api.http.body import Body, Day, Email, FilledText, Name, PositiveCents, read_body, wrong_fields
from api.http.documents.money import CardBalance, CardRedeemed, CardSold
from api.http.guard import Guard
from api.limits import Limits
from backbone.contract.errors import FieldError, Problem, Refused, Unavailable
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

log = logging.getLogger("bellwire.secrets")


class PurchaseBody(Body):
    """The body that sells a card."""

    amount: PositiveCents
    purchased_by: Name
    recipient_name: Name | None = None
    recipient_email: Email | None = None
    expiry_date: Day | None = None


class RedeemBody(Body):
    """The body that takes from a card."""

    amount: PositiveCents
    order_id: FilledText | None = None


_NO_CARD = (Problem.NOT_FOUND, "There is no such gift card")
REDEEM_REFUSALS: Refusals = {
    WriteOutcome.NOT_FOUND: _NO_CARD,
    WriteOutcome.EXPIRED: (Problem.CARD_EXPIRED, "Its expiry date has passed"),
    WriteOutcome.INSUFFICIENT: (Problem.INSUFFICIENT_BALANCE, "The balance is less than the amount"),
}


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
    (KeyKind.TERMINAL,),
    CardBalance,
    says="Guessing is slowed down: a terminal that asks for many wrong numbers is answered with 429 for a while.",
)
_REDEEM = RouteDoc(
    "Gift cards",
    "Take from a gift card.",
    (KeyKind.TERMINAL,),
    CardRedeemed,
    body=RedeemBody,
    idempotent=True,
    problems=(Problem.INSUFFICIENT_BALANCE, Problem.CARD_EXPIRED),
)


class GiftCardRoutes:
    """The three routes. `ring` makes and finds card numbers."""

    def __init__(
        self,
        guard: Guard,
        committer: Committer,
        reads: Database,
        writes: Database,
        ring: SecretRing,
        limits: Limits,
    ) -> None:
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
        ]

    async def purchase(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/gift-cards/purchase`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, PurchaseBody)
        attempt = attempt_of(request, caller, body.plain)
        sale = body.model
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
        )
        expiry = None if sale.expiry_date is None else sale.expiry_date.isoformat()
        data = core.purchased_data(
            number, sale.amount, sale.purchased_by, sale.recipient_name, sale.recipient_email, expiry
        )
        try:
            written = await self._committer.commit(
                caller.tenant, lambda database: sell_card(database, attempt, card, data)
            )
        except DayOver:
            raise wrong_fields([FieldError("expiryDate", "must not be before the shop's today")]) from None
        return write_answer(written, 201, {}, await self._with_number(written.result))

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
        return json_answer({"balance": json_cents(card.balance_cents), "expiryDate": card.expiry_date})

    async def redeem(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/gift-cards/{cardNumber}/redeem`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, RedeemBody)
        attempt = attempt_of(request, caller, body.plain)
        use = body.model
        with self._limits.guesses.guess(caller.tenant, caller.kind, caller.guesser) as guess:
            number = self._number(request)
            presented = self._presented(number)
            data = core.redeemed_data(number, use.amount, use.order_id)
            written = await self._committer.commit(
                caller.tenant,
                lambda database: redeem_card(database, attempt, presented, use.amount, use.order_id, data),
            )
            guess.wrong = written.outcome is WriteOutcome.NOT_FOUND
        return write_answer(written, 200, REDEEM_REFUSALS)

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
