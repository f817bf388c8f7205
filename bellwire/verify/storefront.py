"""The writes of one tenant: orders above all, and everything else that moves value, each with its own key.

A write is repeated with the same key until it is decided; one in twenty is repeated although it was, now and then both
at once.
"""

import asyncio
import random
import time
from typing import Any

from bellwire.verify.client import Client
from bellwire.verify.judge import cents
from bellwire.verify.notes import Balance, Write
from bellwire.verify.trouble import Unreachable

DELIBERATE = 0.05
AT_ONCE = 0.3
CARD_CENTS = 5000
NEXT_STATUS = {"pending": "preparing", "preparing": "ready", "ready": "completed"}
MENU = (("Margherita", 950), ("Döner", 750), ("Ayran", 205), ("Soup of the day", 480))
# Kind and weight. A kind that has nothing to work on yet becomes an order.
MIX = (("order", 70), ("status", 10), ("points", 10), ("redeem", 6), ("sale", 4))


class Storefront:
    """One tenant's customers and cashiers."""

    def __init__(
        self, client: Client, tenant: str, store_key: str, terminal_key: str, run: str, chance: random.Random
    ) -> None:
        self.tenant = tenant
        self.writes: list[Write] = []
        self._client = client
        self._store_key = store_key
        self._terminal_key = terminal_key
        self._run = run
        self._chance = chance
        self._orders: list[tuple[str, str]] = []
        self._cards: list[str] = []
        # Long enough that two runs at the same shop do not meet in one account.
        self._phone = f"+1555{chance.randrange(10**10):010d}"
        self._has_account = False

    async def write(self, until: float, kind: str | None = None) -> None:
        """Do one write of some kind, and note what was answered; `until` is the loop's time."""
        kind = kind or self._chance.choices([name for name, _ in MIX], [weight for _, weight in MIX])[0]
        if (kind == "status" and not self._orders) or (kind == "redeem" and not self._cards):
            kind = "order"
        write = Write(kind, self.tenant, f"{self._run}-{self.tenant}-{len(self.writes)}")
        self.writes.append(write)
        request = getattr(self, f"_{kind}")(write)
        twice = self._chance.random() < DELIBERATE
        if twice and self._chance.random() < AT_ONCE:
            await asyncio.gather(self._decide(write, request, until), self._decide(write, request, until))
        else:
            await self._decide(write, request, until)
            if twice:
                await self._decide(write, request, until)
        self._learn(write)

    async def _decide(
        self, write: Write, request: tuple[str, str, str, dict[str, Any]], until: float
    ) -> None:
        method, path, key, body = request
        try:
            answer = await self._client.decided(
                method, path, key, until=until, idempotency_key=write.key, json=body
            )
        except Unreachable:
            return
        write.decided_at = write.decided_at or time.time()
        write.answers.append(answer)

    def _learn(self, write: Write) -> None:
        """Remember the orders, cards and accounts that later writes can build on."""
        if not write.accepted:
            return
        body = next(answer.body for answer in write.answers if answer.accepted)
        if write.kind in ("order", "status"):
            self._orders.append((body["orderId"], body["status"]))
        elif write.kind == "sale":
            write.target = body["cardNumber"]
            self._cards.append(write.target)
        elif write.kind == "points":
            self._has_account = True

    def _order(self, write: Write) -> tuple[str, str, str, dict[str, Any]]:
        items = [
            (name, self._chance.randint(1, 3), price)
            for name, price in self._chance.sample(MENU, self._chance.randint(1, 3))
        ]
        write.amount = sum(quantity * price for _, quantity, price in items)
        body = {
            "orderType": "pickup",
            "customerName": write.key,
            "items": [{"name": n, "quantity": q, "unitPrice": price / 100} for n, q, price in items],
        }
        return "POST", "/api/tenant/orders/create", self._store_key, body

    def _status(self, write: Write) -> tuple[str, str, str, dict[str, Any]]:
        # Taken out, so that no second step of the same order is under way.
        order, status = self._orders.pop(self._chance.randrange(len(self._orders)))
        write.target, write.detail = order, NEXT_STATUS.get(status, "cancelled")
        path = f"/api/tenant/{self.tenant}/orders/{order}/status"
        return "PATCH", path, self._terminal_key, {"status": write.detail}

    def _sale(self, write: Write) -> tuple[str, str, str, dict[str, Any]]:
        write.amount = CARD_CENTS
        body = {"amount": CARD_CENTS / 100, "purchasedBy": write.key}
        return "POST", f"/api/tenant/{self.tenant}/gift-cards/purchase", self._store_key, body

    def _redeem(self, write: Write) -> tuple[str, str, str, dict[str, Any]]:
        write.target = self._chance.choice(self._cards)
        # Now and then more than there is left, which must be refused.
        write.amount = -self._chance.randint(1, CARD_CENTS)
        path = f"/api/tenant/{self.tenant}/gift-cards/{write.target}/redeem"
        return "POST", path, self._terminal_key, {"amount": -write.amount / 100}

    def _points(self, write: Write) -> tuple[str, str, str, dict[str, Any]]:
        write.target = self._phone
        points = self._chance.randint(1, 50)
        add = not self._has_account or self._chance.random() < 0.6
        write.amount = points if add else -points
        path = f"/api/{self.tenant}/loyalty/{self._phone}/{'add' if add else 'redeem'}"
        return "POST", path, self._terminal_key, {"points": points, "reason": write.key}

    async def balances(self, until: float) -> list[Balance]:
        """The cluster's word on every card and account at the end.

        Raises:
            Unreachable: it did not say anything in time.
        """
        found = []
        for card in self._cards:
            path = f"/api/tenant/{self.tenant}/gift-cards/{card}"
            answer = await self._client.decided("GET", path, self._terminal_key, until=until)
            told = answer.body.get("balance")
            found.append(Balance(self.tenant, card, None if told is None else cents(told)))
        if self._has_account:
            path = f"/api/{self.tenant}/loyalty/{self._phone}"
            answer = await self._client.decided("GET", path, self._terminal_key, until=until)
            found.append(Balance(self.tenant, self._phone, answer.body.get("newBalance")))
        return found
