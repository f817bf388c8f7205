"""A cashier: accepts orders and moves them on, sells by gift card, gives money back, writes the day's report."""

import time
import uuid
from typing import Any

import gevent
from locust import task

from loadtests.core.people import WEIGHTS
from loadtests.plan import Shop
from loadtests.users.pace import IDLE_SECONDS
from loadtests.users.shopper import Shopper

STEPS = {"pending": "preparing", "preparing": "ready", "ready": "completed"}
STEP_SECONDS = 2.0
CANCELS, REDEEMS, REPORTS = 0.05, 0.03, 0.02


class CashierUser(Shopper):
    """The people behind the counters of all shops."""

    weight = WEIGHTS["CashierUser"]

    @task
    def work(self) -> None:
        """Take the order that waits longest."""
        board = self.running.board
        if self.running.stage() is None or not board or board[0][3] > time.monotonic():
            gevent.sleep(IDLE_SECONDS)
            return
        shop, order_id, status, _ = board.popleft()
        wanted = "cancelled" if self.chance.random() < CANCELS else STEPS[status]
        if self._step(shop, order_id, status, wanted) and wanted in STEPS:
            board.append((shop, order_id, wanted, time.monotonic() + STEP_SECONDS))
        if self.running.cards and self.chance.random() < REDEEMS:
            self._redeem_and_refund()
        if self.chance.random() < REPORTS:
            self._report(shop)

    def _step(self, shop: Shop, order_id: str, status: str, wanted: str) -> bool:
        path = f"/api/tenant/{shop.slug}/orders/{order_id}/status"
        answered, content = self.ask(
            "PATCH", path, shop.cashier, "orders/{orderId}/status", {"status": wanted}
        )
        # A step that was taken and whose answer was lost is a wrong step the second time.
        repeated = answered == 409 and content.get("status") == wanted
        if answered not in (0, 200) and not repeated:
            self.wrong(f"{shop.slug}: {status} → {wanted} was answered with {answered}")
        return answered == 200 or repeated

    def _redeem_and_refund(self) -> None:
        shop, card = self.running.cards.popleft()
        path = f"/api/tenant/{shop.slug}/gift-cards/{card}"
        status, redeemed = self._money(shop, f"{path}/redeem", "gift-cards/redeem", {"amount": 7.5})
        if status != 200:
            return
        body = {"amount": 7.5, "redemptionId": redeemed["redemptionId"], "reason": "load test"}
        status, refunded = self._money(shop, f"{path}/refund", "gift-cards/refund", body)
        if status == 200 and round(refunded["balance"] - redeemed["balance"], 2) != 7.5:
            self.wrong(f"{shop.slug}: a refund of 7.5 brought {redeemed['balance']} to {refunded['balance']}")

    def _money(self, shop: Shop, path: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        status, content = self.ask("POST", path, shop.cashier, name, body, uuid.uuid4().hex)
        if status not in (0, 200):
            self.wrong(f"{shop.slug}: {name} was answered with {status} {content.get('type')}")
        return status, content

    def _report(self, shop: Shop) -> None:
        body = {"businessDate": time.strftime("%Y-%m-%d", time.gmtime()), "gross": 1234.5, "orders": 42}
        path = f"/api/tenant/{shop.slug}/daily-reports"
        status, _ = self.ask("POST", path, shop.cashier, "daily-reports", body)
        if status not in (0, 201):
            self.wrong(f"{shop.slug}: a daily report was answered with {status}")
