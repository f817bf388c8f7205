"""An aggregator: brings orders under ids of its own, delivers some twice, and cancels some by that id."""

import uuid

from locust import task

from loadtests.core.people import WEIGHTS
from loadtests.menu import an_order
from loadtests.plan import Shop
from loadtests.users.shopper import Shopper

# A source that the test tenants were opened with, and that broadcasts.
SOURCE = "LoadEats"
DELIVERS_TWICE, CANCELS = 0.1, 0.1


class AggregatorUser(Shopper):
    """Orders of a platform."""

    weight = WEIGHTS["AggregatorUser"]

    @task
    def deliver(self) -> None:
        """One order of a platform."""
        if not self.moment():
            return
        shop, external_id = self.running.pick(), uuid.uuid4().hex
        body = an_order(self.chance, SOURCE) | {"externalId": external_id}
        placed = self.order(shop, body, "orders/create (aggregator)")
        if placed is None or shop == self.running.plan.watched:
            return
        if self.chance.random() < DELIVERS_TWICE:
            self._again(shop, placed["body"], placed["orderId"])
        if self.chance.random() < CANCELS:
            self._cancel(shop, external_id, placed["orderId"])

    def _again(self, shop: Shop, body: dict[str, object], order_id: str) -> None:
        """A platform that forgot its key: the same id is the same order, and no second one."""
        status, content = self.ask(
            "POST", "/api/tenant/orders/create", shop.storefront_key, "orders/create (delivered twice)", body,
            uuid.uuid4().hex,
        )  # fmt: skip
        if status and (status != 409 or content.get("orderId") != order_id):
            self.wrong(f"{shop.slug}: an order that was delivered twice was answered with {status}")

    def _cancel(self, shop: Shop, external_id: str, order_id: str) -> None:
        path = f"/api/tenant/{shop.slug}/orders?externalId={external_id}"
        status, content = self.ask("GET", path, shop.storefront_key, "orders?externalId=")
        if not status:
            return
        found = [order["orderId"] for order in content.get("orders", ())]
        if found != [order_id]:
            self.wrong(f"{shop.slug}: {external_id} was answered with {status} and {len(found)} orders")
            return
        path = f"/api/tenant/{shop.slug}/orders/{order_id}/status"
        status, content = self.ask(
            "PATCH",
            path,
            shop.storefront_key,
            "orders/{orderId}/status",
            {"status": "cancelled", "reason": "sold out"},
        )
        if status not in (0, 200) and content.get("status") not in ("cancelled", "completed"):
            self.wrong(f"{shop.slug}: a cancel was answered with {status}")
