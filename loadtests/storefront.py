"""A storefront: customers order, the kitchen moves orders on, points are added.

Speaks HTTP with idempotency keys, as a careful client does, and holds every answer to the contract.
"""

import random
import uuid
from collections import deque
from typing import Any

from locust import FastHttpUser, between, task

from loadtests import marker
from loadtests.cluster import Cluster
from loadtests.demo import Shop

STEPS = {"pending": "preparing", "preparing": "ready", "ready": "completed"}
MENU = (
    ("Margherita", 9.5),
    ("Pad Thai", 12.9),
    ("Espresso", 2.4),
    ("Tiramisu", 6.8),
    ("Soup of the day", 7.25),
)


class StorefrontUser(FastHttpUser):
    """One shop's website under one customer after another."""

    weight = 3
    wait_time = between(0.5, 1.5)
    # Overwritten by the demo's address before the first user starts.
    host = "http://127.0.0.1:8080"

    shop: Shop

    def on_start(self) -> None:
        self.cluster: Cluster = self.environment.cluster
        self.shop = self.cluster.next_shop("storefront")
        self.orders: deque[tuple[str, str]] = deque(maxlen=20)
        self.last: tuple[str, dict[str, Any], str] | None = None

    @task(10)
    def order(self) -> None:
        """Place an order, stamped with the moment it is sent."""
        key = uuid.uuid4().hex
        body = an_order()
        placed = self._create(key, body)
        if placed is not None:
            self.orders.append((placed["orderId"], placed["status"]))
            self.last = key, body, placed["orderId"]
            self.cluster.placed(self.shop, placed["offset"])

    @task(1)
    def order_again(self) -> None:
        """A retry whose first answer was lost: the same answer, and no second order."""
        if self.last is None:
            return
        key, body, order_id = self.last
        with self.rest(
            "POST",
            "/api/tenant/orders/create",
            json=body,
            headers=self._headers(self.shop.storefront_key, key),
            name="POST orders/create (retry)",
        ) as answer:
            replayed = answer.headers.get("Idempotency-Replayed") if answer.headers else None
            if (
                answer.status_code != 201
                or (answer.js or {}).get("orderId") != order_id
                or replayed != "true"
            ):
                wrong(answer, f"a retry was answered with {answer.status_code}, not with its first answer")

    @task(4)
    def move_on(self) -> None:
        """A till moves an order on by one step."""
        if not self.orders:
            return
        order_id, status = self.orders.popleft()
        wanted = STEPS[status]
        with self.rest(
            "PATCH",
            f"/api/tenant/{self.shop.slug}/orders/{order_id}/status",
            json={"status": wanted},
            headers=self._headers(self.shop.terminal_key),
            name="PATCH orders/{orderId}/status",
        ) as answer:
            if answer.status_code != 200 or (answer.js or {}).get("status") != wanted:
                wrong(answer, f"{status} → {wanted} was answered with {answer.status_code}")
            elif wanted in STEPS:
                self.orders.append((order_id, wanted))

    @task(2)
    def add_points(self) -> None:
        """A regular gets points."""
        phone = f"+1555{random.randrange(10_000):07d}"
        with self.rest(
            "POST",
            f"/api/{self.shop.slug}/loyalty/{phone}/add",
            json={"points": random.randrange(1, 50), "reason": "order"},
            headers=self._headers(self.shop.storefront_key, uuid.uuid4().hex),
            name="POST loyalty/{phone}/add",
        ) as answer:
            if answer.status_code != 200:
                wrong(answer, f"points were answered with {answer.status_code}")

    def _create(self, key: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if self.cluster.measuring():
            # Stamped last, so that nothing of ours is in the figure.
            body["specialInstructions"] = marker.stamp()
        with self.rest(
            "POST",
            "/api/tenant/orders/create",
            json=body,
            headers=self._headers(self.shop.storefront_key, key),
            name="POST orders/create",
        ) as answer:
            content: dict[str, Any] = answer.js or {}
            if answer.status_code != 201:
                wrong(answer, f"an order was answered with {answer.status_code}")
                return None
            if not content.get("orderId") or not content.get("offset"):
                wrong(answer, "an online order was answered without orderId or offset")
                return None
            return content

    @staticmethod
    def _headers(key: str, idempotency_key: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {key}"}
        return headers if idempotency_key is None else {**headers, "Idempotency-Key": idempotency_key}


def wrong(answer: Any, text: str) -> None:
    """Count an answer as a failure, with the sentence that says why."""
    answer.failure(text)


def an_order() -> dict[str, Any]:
    """An order as a storefront sends it: one to four lines of the menu."""
    lines = random.sample(MENU, random.randint(1, 4))
    return {
        "orderSource": "online",
        "orderType": random.choice(("pickup", "delivery")),
        "customerName": "Load Test",
        "customerPhone": f"+1555{random.randrange(10_000_000):07d}",
        "items": [
            {"name": name, "quantity": random.randint(1, 3), "unitPrice": price} for name, price in lines
        ],
    }
