"""A storefront: customers look whether the shop is open, order, follow an order, and pay with gift cards."""

import time
import uuid
from typing import Any

from locust import task

from loadtests.core.people import WEIGHTS
from loadtests.menu import an_order
from loadtests.plan import Shop
from loadtests.users.shopper import Shopper

LOOKS_FIRST, RETRIES, FOLLOWS, BUYS_CARD, PAYS_BY_CARD = 0.3, 0.05, 0.1, 0.03, 0.05
CARD_AMOUNT = 50
STEP_SECONDS = 2.0


class StorefrontUser(Shopper):
    """Customers, each at whichever shop."""

    weight = WEIGHTS["StorefrontUser"]

    @task
    def visit(self) -> None:
        """One customer."""
        if not self.moment():
            return
        running, chance = self.running, self.chance
        if running.cards and chance.random() < PAYS_BY_CARD:
            # The order of this moment, and not one beside it: the rate is what was asked for.
            self._pay_by_card()
            return
        shop = running.pick()
        if chance.random() < LOOKS_FIRST:
            self._look(shop)
        placed = self.order(shop, an_order(chance))
        if placed is None or shop == running.plan.watched:
            return
        if chance.random() < running.plan.size.steps:
            running.board.append((shop, placed["orderId"], "pending", time.monotonic() + STEP_SECONDS))
        if chance.random() < RETRIES:
            self._order_again(shop, placed)
        if chance.random() < FOLLOWS:
            self._follow(shop, placed["orderId"])
        if chance.random() < BUYS_CARD:
            self._buy_card(shop)

    def _look(self, shop: Shop) -> None:
        path = f"/api/tenant/{shop.slug}/status"
        status, content = self.ask("GET", path, shop.storefront_key, "{tenant}/status")
        if status and (status != 200 or not isinstance(content.get("acceptingOrders"), bool)):
            self.wrong(f"the status of {shop.slug} was answered with {status}")

    def _order_again(self, shop: Shop, placed: dict[str, Any]) -> None:
        """A retry whose first answer was lost: the same answer, and no second order."""
        status, content = self.ask(
            "POST", "/api/tenant/orders/create", shop.storefront_key, "orders/create (retry)", placed["body"],
            placed["key"],
        )  # fmt: skip
        if status and (status != 201 or content.get("orderId") != placed["orderId"]):
            self.wrong(f"{shop.slug}: a retry was answered with {status}, not with its first answer")

    def _follow(self, shop: Shop, order_id: str) -> None:
        path = f"/api/tenant/{shop.slug}/orders/{order_id}"
        status, content = self.ask("GET", path, shop.storefront_key, "orders/{orderId}")
        if status and (status != 200 or content.get("orderId") != order_id):
            self.wrong(f"{shop.slug}: the order {order_id}, which was placed, was answered with {status}")

    def _buy_card(self, shop: Shop) -> None:
        status, content = self.ask(
            "POST", f"/api/tenant/{shop.slug}/gift-cards/purchase", shop.storefront_key, "gift-cards/purchase",
            {"amount": CARD_AMOUNT, "purchasedBy": "Load Test"}, uuid.uuid4().hex,
        )  # fmt: skip
        if status == 201:
            self.running.cards.append((shop, content["cardNumber"]))
        elif status:
            self.wrong(f"{shop.slug}: a gift card was answered with {status}")

    def _pay_by_card(self) -> None:
        shop, card = self.running.cards.popleft()
        placed = self.order(shop, an_order(self.chance))
        if placed is None:
            return
        amount = round(min(CARD_AMOUNT, max(0.01, float(placed["totalAmount"]))), 2)
        status, _ = self.ask(
            "POST", f"/api/tenant/{shop.slug}/gift-cards/{card}/redeem", shop.storefront_key, "gift-cards/redeem",
            {"amount": amount, "orderId": placed["orderId"]}, uuid.uuid4().hex,
        )  # fmt: skip
        if status not in (0, 200):
            self.wrong(f"{shop.slug}: a gift card of {CARD_AMOUNT} did not pay {amount}: {status}")
