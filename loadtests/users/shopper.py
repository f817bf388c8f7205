"""The ways of all who write over HTTP: a key with each write, and the same request again until it is decided."""

import random
import time
import uuid
from typing import Any

import gevent
from locust import FastHttpUser

from loadtests.core import marker
from loadtests.core.record import WRONG_ANSWER
from loadtests.core.rows import SENT_LATE
from loadtests.plan import Shop
from loadtests.running import Running
from loadtests.users.pace import Pace

UNDECIDED = frozenset({0, 408, 425, 429})
STILL_RUNNING = "still-running"
PATIENCE_SECONDS = 30.0
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 0.1, 2.0


class Shopper(FastHttpUser):
    """A user that speaks HTTP as a careful client does."""

    abstract = True
    network_timeout = 15.0
    connection_timeout = 10.0
    # One connection a user, as of a process of a shop's.
    concurrency = 4

    def on_start(self) -> None:
        self.pace = Pace()
        self.chance = random.Random()

    @property
    def running(self) -> Running:
        """The run."""
        found: Running = self.environment.distribution.running
        return found

    def moment(self) -> bool:
        """Wait for the next moment of this user; whether there is anything to do."""
        late = self.pace.wait(self.running.stage)
        if late is None:
            return False
        self.running.record.note(SENT_LATE, int(time.time()), late)
        return True

    def ask(
        self,
        method: str,
        path: str,
        key: str,
        name: str,
        body: Any = None,
        idempotency_key: str | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """One request, repeated until it is decided; 0 where it never was. The row `name` has the last attempt."""
        headers = {"Authorization": f"Bearer {key}"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        until = time.monotonic() + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            with self.rest(method, path, json=body, headers=headers, name=name) as answer:
                status, content = answer.status_code, answer.js if isinstance(answer.js, dict) else {}
                if not self._is_undecided(status, content):
                    answer.success()
                    return status, content
                if time.monotonic() + pause > until:
                    answer.failure(f"not decided within {PATIENCE_SECONDS:.0f} s: {status}")
                    return 0, content
                answer.request_meta["name"] = f"{name}, asked again ({status})"
                answer.success()
            gevent.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(MOST_PAUSE_SECONDS, pause * 2)

    def order(self, shop: Shop, body: dict[str, Any], name: str = "orders/create") -> dict[str, Any] | None:
        """Place an order, stamped with the moment at which it is sent first; None where it was not accepted."""
        key = uuid.uuid4().hex
        body["specialInstructions"] = marker.stamp(time.time_ns())
        status, content = self.ask("POST", "/api/tenant/orders/create", shop.storefront_key, name, body, key)
        if status != 201 or not content.get("orderId") or not content.get("offset"):
            if status:
                self.wrong(f"{shop.slug}: an order was answered with {status} {content.get('type', content)}")
            return None
        self.running.accepted(shop, content["orderId"], content["offset"])
        return {**content, "key": key, "body": body}

    def wrong(self, text: str) -> None:
        """An answer that the contract does not know."""
        self.running.fault(WRONG_ANSWER, text)

    @staticmethod
    def _is_undecided(status: int, content: dict[str, Any]) -> bool:
        if status == 409:
            return str(content.get("type", "")).endswith(STILL_RUNNING)
        return status >= 500 or status in UNDECIDED
