"""A till: one WebSocket that reads, acks, drops now and then, and resumes by offset.

Reports into locust's own statistics, and judges what it was given: a gap, a repeat, a reset or an order that
never came is a failure there. The time of arrival is taken before anything is parsed.
"""

import json
import random
import time
from typing import Any

import websocket
from locust import User, task

from loadtests import marker
from loadtests.cluster import Cluster
from loadtests.ledger import Ledger, reached

READ_SECONDS = 1.0
HANDSHAKE_SECONDS = 10.0
OWED_SECONDS = 5.0
LAST_ACK = "acked"
ORDER_TO_TILL = ("EVENT", "order → till")


class TerminalUser(User):
    """One registered terminal of one shop."""

    weight = 1

    def on_start(self) -> None:
        self.cluster: Cluster = self.environment.cluster
        self.ledger = Ledger()
        self.socket: websocket.WebSocket | None = None
        self.history: str | None = None
        self.registered = self.cluster.operator.register(self.cluster.next_shop("terminal"))
        self._connect()

    def on_stop(self) -> None:
        """Wait for what is still under way, then go, and take the terminal's registration along."""
        owed = self.cluster.owed(self.registered.shop)
        deadline = time.monotonic() + OWED_SECONDS
        while owed is not None and not reached(self.ledger.position, owed):
            if time.monotonic() > deadline:
                self._failure("EVENT", "missing", f"{owed} never came; last was {self.ledger.position}")
                break
            self._read_one(0.2)
        self._close()
        self.cluster.operator.remove(self.registered)

    @task
    def read(self) -> None:
        """Read until it is time to drop the socket and resume."""
        span = self.cluster.reconnect_seconds
        deadline = time.monotonic() + random.uniform(0.5, 1.5) * span if span > 0 else float("inf")
        while time.monotonic() < deadline:
            self._read_one(READ_SECONDS)
        self._close()
        self._connect()

    def _connect(self) -> None:
        position = self.ledger.position
        query = f"?after={position or LAST_ACK}"
        started = time.perf_counter()
        try:
            self.socket = websocket.create_connection(
                f"{self.cluster.demo.websocket_url}/ws/pos/{self.registered.shop.slug}{query}",
                header=[f"Authorization: Bearer {self.registered.key}"],
                timeout=HANDSHAKE_SECONDS,
                skip_utf8_validation=True,
                suppress_origin=True,
            )
            hello = json.loads(self.socket.recv())
        except (websocket.WebSocketException, OSError, ValueError) as exc:
            self.socket = None
            self._failure("WS", "connect", repr(exc))
            time.sleep(random.uniform(0.1, 0.5))
            return
        self._success("WS", "connect", (time.perf_counter() - started) * 1000)
        if hello.get("type") != "hello":
            self._failure("WS", "hello", f"the first frame is {hello.get('type')!r}")
        elif (fault := self.ledger.started(hello["after"])) is not None:
            self._failure("EVENT", "resume", fault)
        elif position is None:
            # Orders up to here were placed before this till was there: nobody's delay.
            self.history = hello["head"]

    def _read_one(self, seconds: float) -> None:
        """Take one frame, or none when there is none for `seconds`."""
        if self.socket is None:
            self._connect()
            return
        try:
            self.socket.settimeout(seconds)
            frame = self.socket.recv()
            arrived_ns = time.time_ns()
        except websocket.WebSocketTimeoutException:
            return
        except (websocket.WebSocketException, OSError) as exc:
            # A drain or a killed pod: no failure as long as the resumed stream has no hole.
            self._success("WS", f"dropped by the server ({type(exc).__name__})", 0)
            self._close()
            return
        if frame:
            self._take(json.loads(frame), arrived_ns, len(frame))

    def _take(self, message: dict[str, Any], arrived_ns: int, size: int) -> None:
        kind = message.get("type")
        if "offset" in message and "data" in message:
            self._take_event(message, arrived_ns, size)
        elif kind == "reset":
            self._failure("EVENT", "reset", self.ledger.reset(message["to"], message["reason"]))
        elif kind == "error":
            self._failure("WS", "error", f"{message.get('code')}: {message.get('detail')}")

    def _take_event(self, event: dict[str, Any], arrived_ns: int, size: int) -> None:
        if event["tenant"] != self.registered.shop.slug:
            self._failure("EVENT", "isolation", f"an event of {event['tenant']} reached another shop")
        if (fault := self.ledger.event(event["offset"])) is not None:
            self._failure("EVENT", fault.partition(":")[0], fault)
        if event["type"] == "new_order" and not reached(self.history, event["offset"]):
            elapsed = marker.elapsed_ms(event["data"].get("specialInstructions"), arrived_ns)
            if elapsed is not None:
                self._success(*ORDER_TO_TILL, elapsed, size)
        if self.socket is not None:
            try:
                self.socket.send(json.dumps({"type": "ack", "offset": event["offset"]}))
            except (websocket.WebSocketException, OSError):
                self._close()

    def _close(self) -> None:
        if self.socket is not None:
            # Abrupt on purpose: tills lose their network, they do not say goodbye.
            self.socket.shutdown()  # type: ignore[no-untyped-call]
            self.socket = None

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
