"""One till under locust: what the SDK's machine says, done with a blocking socket and the waits of its own greenlet.

Knows the machine and `websocket-client`, which locust's gevent makes wait well. Does not know locust. It watches what
goes by (`Watcher`) and decides nothing. Why the SDK's own shell is not here: docs/decisions/0130-tills-under-locust.md
"""

import contextlib
import json
import random
import struct
import time
from collections import deque
from typing import Any, Protocol

import requests
import websocket

from bellwire_terminal.core.config import Config
from bellwire_terminal.core.machine import Machine

HANDSHAKE_SECONDS = 10.0
ORDER_SECONDS = 10.0
CUT = 1006


class Watcher(Protocol):
    """The one that counts. Times are of the wall clock, in nanoseconds, and taken before anything is parsed."""

    def connected(self, milliseconds: float) -> None:
        """A connection was asked for and greeted."""

    def not_connected(self, why: str) -> None:
        """A connection was asked for in vain."""

    def dropped(self, why: str) -> None:
        """A stream ended, and not by us."""

    def received(self, message: dict[str, Any]) -> None:
        """The server sent this; a repeat, which the machine passes over, too."""

    def delivered(self, kind: str, event: dict[str, Any], arrived_ns: int, size: int) -> None:
        """The machine gave the till an `event`, or a `reset`."""

    def stopped(self, reason: str) -> None:
        """It is over for good."""


class Till:
    """A terminal with a cursor in memory. Only `read`, `cut` and `stop` wait."""

    def __init__(self, url: str, tenant: str, key: str, watcher: Watcher, ca_file: str | None = None) -> None:
        # No snapshots and no other door: a reset is a failure here, and it is the WebSocket that is measured.
        self._machine = Machine(
            Config.of({"tenant": tenant, "start": "acked", "doors": ["websocket"], "snapshots": False})
        )
        self._url, self._tenant, self._watcher = url, tenant, watcher
        self._headers = {"Authorization": f"Bearer {key}"}
        self._ca_file = ca_file
        self._inputs: deque[dict[str, Any]] = deque()
        self._pumping = False
        self._socket: websocket.WebSocket | None = None
        self._link = 0
        self._asked_at: float | None = None
        self._arrived_ns = self._size = 0
        self.over = False

    @property
    def offset(self) -> str | None:
        """The last offset that was handled."""
        return self._machine.cursor

    def start(self) -> None:
        """Connect."""
        self._feed("start", cursor=None)

    def read(self, seconds: float) -> None:
        """Take one message, or what the machine's clock wants, or nothing for `seconds`."""
        due = self._machine.due
        until_due = seconds if due is None else max(0.0, due / 1000 - time.monotonic())
        if until_due == 0.0:
            self._feed("wake")
        elif self._socket is None:
            time.sleep(min(seconds, until_due))
        else:
            self._receive(self._socket, min(seconds, until_due))

    def cut(self) -> None:
        """The network is gone and back: abruptly, since a till then says no goodbye.

        It comes back at once. Orders of the time away would measure the machine's pause, and not the server.
        """
        if self._socket is not None:
            self._drop()
            self._feed("closed", link=self._link, code=CUT, chance=0.0)

    def stop(self) -> None:
        """End it; what is handled is acknowledged."""
        self._feed("stop")

    # The machine.

    def _feed(self, type_: str, **members: Any) -> None:
        self._inputs.append({"type": type_, **members})
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._inputs:
                moment = {"at": int(time.monotonic() * 1000), "chance": random.random()}
                for output in self._machine.receive({**moment, **self._inputs.popleft()}):
                    if (take := getattr(self, f"_do_{output['type']}", None)) is not None:
                        take(output)
        finally:
            self._pumping = False

    def _do_connect(self, output: dict[str, Any]) -> None:
        self._link, self._asked_at = output["link"], time.perf_counter()
        query = "" if output["after"] is None else f"?after={output['after']}"
        try:
            self._socket = websocket.create_connection(
                f"ws{self._url.removeprefix('http')}/ws/pos/{self._tenant}{query}",
                header=self._headers,
                timeout=HANDSHAKE_SECONDS,
                skip_utf8_validation=True,
                suppress_origin=True,
                sslopt={} if self._ca_file is None else {"ca_certs": self._ca_file},
            )
        except websocket.WebSocketBadStatusException as exc:
            self._refused(exc)
        except (websocket.WebSocketException, OSError) as exc:
            reached = not isinstance(exc, OSError)
            self._ended(repr(exc), "failed", reached=reached, reason=type(exc).__name__)

    def _refused(self, exc: websocket.WebSocketBadStatusException) -> None:
        wait = (exc.resp_headers or {}).get("retry-after", "")
        retry_after_ms = int(wait) * 1000 if wait.isascii() and wait.isdigit() else None
        try:
            problem = json.loads(exc.resp_body or b"")["type"].rpartition(":")[2]
        except (ValueError, LookupError, TypeError, AttributeError):
            problem = None
        said = {"status": exc.status_code, "problem": problem, "retryAfterMs": retry_after_ms}
        self._ended(f"{exc.status_code} {problem}", "refused", **said)

    def _do_send(self, output: dict[str, Any]) -> None:
        if self._socket is not None:
            try:
                self._socket.send(json.dumps(output["message"]))
            except (websocket.WebSocketException, OSError) as exc:
                self._lost(exc)

    def _do_close(self, output: dict[str, Any]) -> None:
        if self._socket is not None:
            with contextlib.suppress(websocket.WebSocketException, OSError):
                self._socket.send_close(output["code"])
            self._drop()

    def _do_deliver(self, output: dict[str, Any]) -> None:
        event = output.get("event", output)
        self._watcher.delivered(output["kind"], event, self._arrived_ns, self._size)
        self._feed("handled", offset=output["offset"])

    def _do_store(self, output: dict[str, Any]) -> None:
        self._feed("stored", offset=output["cursor"]["offset"])

    def _do_fetch_order(self, output: dict[str, Any]) -> None:
        path = f"{self._url}/api/tenant/{self._tenant}/orders/{output['orderId']}"
        try:
            answer = requests.get(
                path, headers=self._headers, timeout=ORDER_SECONDS, verify=self._ca_file or True
            )
            order = answer.json() if answer.status_code == 200 else None
        except (requests.RequestException, ValueError):
            self._feed("order_failed", offset=output["offset"], status=None)
            return
        if isinstance(order, dict):
            self._feed("order", offset=output["offset"], order=order)
        else:
            self._feed("order_failed", offset=output["offset"], status=answer.status_code)

    def _do_ask(self, _: dict[str, Any]) -> None:
        # Each user has a terminal of its own: nobody has a right to its place.
        self._feed("owner", decision="leave")

    def _do_stop(self, output: dict[str, Any]) -> None:
        self.over = True
        self._drop()
        if output["reason"] != "closed":
            self._watcher.stopped(f"{output['reason']} {output['detail']}".rstrip())

    # The socket.

    def _receive(self, socket: websocket.WebSocket, seconds: float) -> None:
        try:
            socket.settimeout(seconds)
            opcode, data = socket.recv_data()
            self._arrived_ns = time.time_ns()
        except websocket.WebSocketTimeoutException:
            return
        except (websocket.WebSocketException, OSError) as exc:
            self._lost(exc)
            return
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else CUT
            reason = data[2:].decode("utf-8", "replace")
            self._ended(str(code), "closed", code=code, reason=reason)
            return
        self._size = len(data)
        try:
            message = json.loads(data)
        except ValueError:
            self._feed("garbled", link=self._link)
            return
        if isinstance(message, dict):
            self._watch(message)
        self._feed("message", link=self._link, message=message)

    def _watch(self, message: dict[str, Any]) -> None:
        if self._asked_at is not None and message.get("type") == "hello":
            self._watcher.connected((time.perf_counter() - self._asked_at) * 1000)
            self._asked_at = None
        self._watcher.received(message)

    def _lost(self, exc: Exception) -> None:
        self._ended(type(exc).__name__, "closed", code=CUT)

    def _ended(self, why: str, type_: str, **members: Any) -> None:
        """A connection is over, and not by us: before hello it was none."""
        self._drop()
        if self._asked_at is not None:
            self._asked_at = None
            self._watcher.not_connected(why)
        else:
            self._watcher.dropped(why)
        self._feed(type_, link=self._link, **members)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.shutdown()  # type: ignore[no-untyped-call]
            self._socket = None
