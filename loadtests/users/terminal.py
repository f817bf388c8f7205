"""A till that runs the SDK's machine, with a socket that is dropped now and then and resumed by offset.

A few of them stand beside the crowd: those judge the server by its bytes alone, these tell what a shop's till makes of
them. Each message of the server's is judged before the machine passes over anything.
"""

import random
import time
from typing import Any

from locust import User, task
from locust.exception import StopUser

from loadtests.core import rows
from loadtests.core.ledger import Fault, Ledger
from loadtests.core.marker import PATTERN
from loadtests.core.record import REFUSED
from loadtests.core.rows import CLIENT, WEBSOCKET, split
from loadtests.running import Running
from loadtests.till import Till

READ_SECONDS = 0.5
RECONNECT_SECONDS = 20.0
# For events that are under way when all settles.
LAST_SECONDS = 3.0


class TerminalUser(User):
    """One registered terminal of one shop."""

    # Set before the first user starts, to as many as the plan has.
    fixed_count = 1

    def on_start(self) -> None:
        self.running: Running = self.environment.distribution.running
        self.seat = self.running.client()
        if self.seat is None:
            raise StopUser
        self.ledger = Ledger(self.seat.tenant)
        self.here_since_ns = 0
        self.till = Till(
            self.running.plan.url, self.seat.tenant, self.seat.key, self, self.running.plan.ca_file
        )
        self.till.start()

    @task
    def read(self) -> None:
        """Read until it is time to drop the socket and resume."""
        deadline = time.monotonic() + random.uniform(0.5, 1.5) * RECONNECT_SECONDS
        while time.monotonic() < deadline:
            if self.till.over:
                raise StopUser
            if self.running.settling:
                self._settle()
                raise StopUser
            self.till.read(READ_SECONDS)
        self.here_since_ns = time.time_ns()
        self.till.cut()

    def _settle(self) -> None:
        until = time.monotonic() + LAST_SECONDS
        while time.monotonic() < until and not self.till.over:
            self.till.read(READ_SECONDS)
        self._judge(self.ledger.lost(over=True))
        self.till.stop()

    def on_stop(self) -> None:
        """However it ends, its last word is known."""
        if self.seat is not None:
            self.running.client_left(self.seat.terminal_id, self.till.offset)

    # The till lets us watch these.

    def connected(self, milliseconds: float) -> None:
        """Count it."""
        self._count(rows.connect(WEBSOCKET, CLIENT), milliseconds)

    def not_connected(self, why: str) -> None:
        """Count it; the till comes back by itself."""
        self._count(f"DOOR not connected ({why})", 0)

    def dropped(self, why: str) -> None:
        """A drain or a killed pod: no failure as long as the resumed stream has no hole."""
        self._judge(self.ledger.lost(over=True))
        self._count(f"DOOR closed by the server ({why})", 0)

    def received(self, message: dict[str, Any]) -> None:
        """Judge the stream as it was sent."""
        kind = message.get("type")
        if "offset" in message and "data" in message:
            self._judge(self.ledger.event(message["offset"], message["tenant"]))
        elif kind == "hello":
            self._judge(self.ledger.started(message["after"]))
        elif kind == "reset":
            self._judge(self.ledger.reset(message["to"], message["reason"]))
        elif kind == "error":
            self.running.fault(REFUSED, f"{self.seat.tenant}: error {message.get('code')}")

    def delivered(self, kind: str, event: dict[str, Any], arrived_ns: int, size: int) -> None:
        """An order is at the till."""
        if kind != "event" or event["type"] != "new_order":
            return
        found = PATTERN.search(str(event["data"].get("specialInstructions")).encode())
        if found is not None and int(found[1]) > self.here_since_ns:
            self._count(rows.arrival(WEBSOCKET, CLIENT), (arrived_ns - int(found[1])) / 1e6, size)

    def stopped(self, reason: str) -> None:
        """Nothing that a load test may meet."""
        self.running.fault(REFUSED, f"{self.seat.tenant}: the till was stopped: {reason}")

    def _judge(self, fault: Fault | None) -> None:
        if fault is not None:
            self.running.fault(fault.kind, f"{fault.text} ({CLIENT})")

    def _count(self, row: str, milliseconds: float, size: int = 0) -> None:
        kind, name = split(row)
        self.environment.events.request.fire(
            request_type=kind, name=name, response_time=milliseconds, response_length=size, exception=None, context={},
        )  # fmt: skip
