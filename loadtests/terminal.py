"""A till of the load test: the SDK's machine, one WebSocket, dropped now and then and resumed by offset.

Reports into locust's own statistics, and judges what the server sent, before the machine passes over anything: a gap, a
repeat, a reset or an order that never came is a failure there. The machine says what the till has handled.
"""

import random
import time
from typing import Any

from locust import User, task
from locust.exception import StopUser

from loadtests import marker
from loadtests.cluster import Cluster
from loadtests.ledger import Ledger, reached
from loadtests.till import Till

READ_SECONDS = 1.0
OWED_SECONDS = 5.0
ORDER_TO_TILL = ("EVENT", "order → till")


class TerminalUser(User):
    """One registered terminal of one shop."""

    weight = 1

    def on_start(self) -> None:
        self.cluster: Cluster = self.environment.cluster
        self.ledger = Ledger()
        self.history: str | None = None
        self.registered = self.cluster.operator.register(self.cluster.next_shop("terminal"))
        self.till = Till(self.cluster.demo.url, self.registered.shop.slug, self.registered.key, self)
        self.till.start()

    def on_stop(self) -> None:
        """Wait for what is still under way, then go, and take the terminal's registration along."""
        owed = self.cluster.owed(self.registered.shop)
        deadline = time.monotonic() + OWED_SECONDS
        while owed is not None and not reached(self.till.offset, owed):
            if self.till.over or time.monotonic() > deadline:
                self._failure("EVENT", "missing", f"{owed} never came; last was {self.till.offset}")
                break
            self.till.read(0.2)
        self.till.stop()
        self.cluster.operator.remove(self.registered)

    @task
    def read(self) -> None:
        """Read until it is time to drop the socket and resume."""
        span = self.cluster.reconnect_seconds
        deadline = time.monotonic() + random.uniform(0.5, 1.5) * span if span > 0 else float("inf")
        while time.monotonic() < deadline:
            if self.till.over:
                raise StopUser
            self.till.read(READ_SECONDS)
        self.till.cut()

    # The till lets us watch these.

    def connected(self, milliseconds: float) -> None:
        """Count it."""
        self._success("WS", "connect", milliseconds)

    def not_connected(self, why: str) -> None:
        """Count it."""
        self._failure("WS", "connect", why)

    def dropped(self, why: str) -> None:
        """A drain or a killed pod: no failure as long as the resumed stream has no hole."""
        self._success("WS", f"dropped by the server ({why})", 0)

    def received(self, message: dict[str, Any]) -> None:
        """Judge the stream as it was sent."""
        kind = message.get("type")
        if "offset" in message and "data" in message:
            if message["tenant"] != self.registered.shop.slug:
                self._failure("EVENT", "isolation", f"an event of {message['tenant']} reached another shop")
            if (fault := self.ledger.event(message["offset"])) is not None:
                self._failure("EVENT", fault.partition(":")[0], fault)
        elif kind == "hello":
            if self.ledger.position is None:
                # Orders up to here were placed before this till was there: nobody's delay.
                self.history = message["head"]
            if (fault := self.ledger.started(message["after"])) is not None:
                self._failure("EVENT", "resume", fault)
        elif kind == "reset":
            self._failure("EVENT", "reset", self.ledger.reset(message["to"], message["reason"]))
        elif kind == "error":
            self._failure("WS", "error", f"{message.get('code')}: {message.get('detail')}")

    def delivered(self, kind: str, event: dict[str, Any], arrived_ns: int, size: int) -> None:
        """An order is at the till."""
        if kind == "event" and event["type"] == "new_order" and not reached(self.history, event["offset"]):
            elapsed = marker.elapsed_ms(event["data"].get("specialInstructions"), arrived_ns)
            if elapsed is not None:
                self._success(*ORDER_TO_TILL, elapsed, size)

    def stopped(self, reason: str) -> None:
        """Nothing that a load test may meet."""
        self._failure("WS", "stopped", reason)

    def _success(self, kind: str, name: str, milliseconds: float, size: int = 0) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=milliseconds,
            response_length=size,
            exception=None,
            context={},
        )

    def _failure(self, kind: str, name: str, text: str) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=0,
            response_length=0,
            exception=RuntimeError(text),
            context={},
        )
