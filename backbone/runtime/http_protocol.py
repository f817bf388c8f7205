"""uvicorn's HTTP protocol, by the book where it is not; every pod's.

Of the book (RFC 9110) uvicorn with httptools leaves out: an upgrade that is offered and not taken leaves
an ordinary request, whose body is read (`Upgrade: h2c`, which Java's client sends with each first request, loses it
there); what follows the body is no header of the request, whatever it is called; a request that cannot be read is
answered like every other one, with a problem document.

And it is bounded: a request has to arrive in time, head and body, and an answer has to be taken (`Unsent`).
"""

import asyncio
import logging
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from backbone.contract.errors import Problem
from backbone.runtime.problems import problem_response
from backbone.runtime.seldom_log import SeldomLog
from backbone.runtime.unsent import Unsent

HEADERS = ((b"x-content-type-options", b"nosniff"),)
API_HEADERS = (*HEADERS, (b"cache-control", b"no-store"))
"""In every answer, and in every answer that holds somebody's data."""
_OFFER = (b"upgrade", b"http2-settings")


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection. A subclass may have other bounds."""

    request_seconds = 20.0
    """From a request's first byte to its last."""
    unsent = Unsent()
    malformed = SeldomLog(logging.getLogger("bellwire.http"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrives = False
        self._deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Parse, and start what is asked."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
                self._set_deadline()
                return
            except httptools.HttpParserUpgrade as exc:
                if self._should_upgrade():
                    self._has_arrived()
                    self.handle_websocket_upgrade()
                    rest = data[exc.args[0] :]
                    if rest and not self.transport.is_closing():
                        self.data_received(rest)
                    return
                if self.scope["method"] == "CONNECT":
                    self.send_400_response("This is no proxy.")
                    return
                # The parser stands behind the head, and takes what follows for another protocol. Another one begins
                # with the same request, without the offer.
                data = self._head_without_offer() + data[exc.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                self.send_400_response("The request is not HTTP as it should be.")
                return

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._has_arrived()
        self.unsent.forget(self.transport)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The reader is behind."""
        super().pause_writing()
        self.unsent.watch(self.transport)

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self.unsent.forget(self.transport)
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing was asked for long; an answer that nobody took would wait for ever."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._arrives = True

    def on_headers_complete(self) -> None:
        """A request's head is here; it is started, unless it will come again without its offer to upgrade."""
        if self.parser.should_upgrade() and not self._should_upgrade():
            self.scope["method"] = self.parser.get_method().decode("ascii")
            return
        super().on_headers_complete()
        # The request keeps the headers that it had; trailers go where nobody looks.
        self.headers = []
        if self.cycle is not None and self.cycle.scope is self.scope:
            path = self.scope["path"]
            own = API_HEADERS if path.startswith(("/api/", "/ws/")) else HEADERS
            self.cycle.default_headers = [*self.cycle.default_headers, *own]

    def on_message_complete(self) -> None:
        """A request's body is here."""
        self._has_arrived()
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and end."""
        peer = self.transport.get_extra_info("peername")
        self.malformed.say("http.malformed", peer[0] if isinstance(peer, tuple) else None)
        self._refuse(Problem.BAD_REQUEST, msg)

    def _refuse(self, problem: Problem, detail: str) -> None:
        self._has_arrived()
        response = problem_response(problem, detail, headers={"Connection": "close"})
        lines = [STATUS_LINE[problem.status]]
        for name, value in (*response.raw_headers, *API_HEADERS):
            lines += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join([*lines, b"\r\n", bytes(response.body)]))
        self.transport.close()

    def _set_deadline(self) -> None:
        if self._arrives and self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._too_late)

    def _has_arrived(self) -> None:
        self._arrives = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        """The rest of a request did not come: its application hears of an end, its sender is told why."""
        cycle = self.cycle
        under_way = cycle is not None and not cycle.response_complete
        if self.pipeline:
            # It stands behind another whose answer takes its time, and is not read meanwhile.
            self._deadline = None
            self._set_deadline()
            return
        if under_way and (cycle.response_started or cycle.scope is not self.scope):
            # Between the bytes of another answer nothing can be said.
            self.transport.abort()
            return
        self._refuse(Problem.TIMEOUT, f"The request did not arrive within {self.request_seconds:g} s.")
        if under_way:
            cycle.disconnected = True
            cycle.message_event.set()

    def _should_upgrade(self) -> bool:
        """Whether a WebSocket is asked for, where there are any: with a GET, as the book has it (RFC 6455, 4.1)."""
        if not self._should_upgrade_to_ws() or self.parser.get_method() != b"GET":
            return False
        return any(
            name == b"upgrade" and value.strip().lower() == b"websocket"
            for name, value in self.scope["headers"]
        )

    def _head_without_offer(self) -> bytes:
        lines = [
            self.parser.get_method() + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()
        ]
        for name, value in self.scope["headers"]:
            if name == b"connection":
                words = [word.strip() for word in value.split(b",")]
                value = b", ".join(word for word in words if word.lower() not in _OFFER)
            if value and name not in _OFFER:
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])
