"""The gateway's HTTP protocol for uvicorn: requests as ever, and a raw handle for answers that do not end.

An application that takes the handle from `scope["extensions"]["bellwire.eventstream"]` sends the head of its answer,
attaches a listener and returns: from then on the connection has no task and no queue, and finished chunks go straight
to its transport. Bytes that the peer still sends are passed over.

A request for a WebSocket waits in the handshake queue until it is its turn, or is turned away there.

Why: docs/decisions/0050-event-streams.md
"""

import asyncio
import functools
from typing import Any, cast

from starlette.datastructures import Headers

from backbone.contract import sse
from backbone.contract.errors import Problem, Unavailable
from backbone.contract.origin import AllowedOrigins
from backbone.runtime.cors import cors_headers
from backbone.runtime.http_protocol import HttpProtocol
from backbone.runtime.problems import response_of
from gateway import metrics
from gateway.core import plain_frames
from gateway.transport.connection import ABNORMAL, CLOSE_SECONDS, Listener
from gateway.transport.handshake_queue import HandshakeQueue
from gateway.transport.readable_refusal import (
    SECONDS,
    ReadableRefusals,
    close_of,
    is_handshake_key,
    opened_and_closed,
    reads_codes,
)

EXTENSION = "bellwire.eventstream"
WRITE_BUFFER_BYTES = 64 * 1024


@functools.cache
def _answer_of_refusal(retry_after: int) -> tuple[bytes, bytes]:
    """The answer's head, to which lines may be added, and what comes behind its blank line."""
    response = response_of(Unavailable("room on this gateway", retry_after))
    head = [b"HTTP/1.1 503 Service Unavailable", b"connection: close"]
    head += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*head, b""]), bytes(response.body)


def protocol_at(
    handshakes: HandshakeQueue, readable_refusals: ReadableRefusals, allowed_origins: AllowedOrigins
) -> type["EventStreamProtocol"]:
    """The class of a gateway's HTTP connections, whose WebSockets wait in `handshakes`."""
    members = {
        "handshakes": handshakes,
        "readable_refusals": readable_refusals,
        "allowed_origins": allowed_origins,
    }
    return type("GatewayHttp", (EventStreamProtocol,), members)


class EventStreamProtocol(HttpProtocol):
    """One HTTP connection; `attach` makes it a terminal's. Made by a class of `protocol_at`."""

    handshakes: HandshakeQueue
    readable_refusals: ReadableRefusals
    allowed_origins: AllowedOrigins

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waits = False
        self._turned_away = False
        self._listener: Listener | None = None
        self.descriptor: int | None = None
        self.paused = False
        self.closing = False

    # -- the handle that an attached application uses ------------------------------------------------------------

    def attach(self, listener: Listener) -> None:
        """Give the connection, whose answer has begun, to `listener`; the ASGI application may return now."""
        self._listener = listener
        # Slow readers are the listener's own from here on.
        self.unsent.forget(self.transport)
        # For uvicorn this request is over: no task waits for its end, and its end is ours.
        self.cycle.response_complete = True
        if self.closing:
            listener.on_closing(ABNORMAL)
        elif self.paused:
            listener.on_paused()

    def write(self, frames: bytes | memoryview) -> None:
        """Send finished chunks. After closing started this does nothing."""
        if not self.closing:
            self.transport.write(frames)

    def close(self, code: int, reason: str = "") -> None:
        """End the stream with a `close` event; a peer that does not take it in time is cut."""
        if self.closing:
            return
        self._start_closing(code)
        self.transport.write(sse.close_chunk(code, reason) + sse.LAST_CHUNK)
        self.transport.close()
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def abort(self) -> None:
        """Cut the connection at once."""
        self._start_closing(ABNORMAL)
        self.transport.abort()

    # -- uvicorn -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._waits = False
        self._start_closing(ABNORMAL)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a request. An attached peer has nothing more to say."""
        if self._waits:
            # Nothing may be said before the answer (RFC 6455, 4.1).
            self.transport.abort()
        elif self._turned_away:
            # Of what is still said, only a Close frame counts: then both have said it.
            if data[0] == plain_frames.CLOSE:
                self.transport.close()
        elif self._listener is None:
            super().data_received(data)

    def handle_websocket_upgrade(self) -> None:
        """Stand in line; or be turned away, before the request has cost anything."""
        retry_after = self.handshakes.enqueue(self._enter)
        self._waits = retry_after is None
        if retry_after is not None:
            metrics.REFUSED.labels(str(Problem.UNAVAILABLE.status)).inc()
            self._turn_away(Unavailable("room on this gateway", retry_after))

    def _turn_away(self, error: Unavailable) -> None:
        handshake = Headers(raw=list(self.scope["headers"]))
        offered = [word.strip() for word in ",".join(handshake.getlist("sec-websocket-protocol")).split(",")]
        key = handshake.get("sec-websocket-key", "")
        close = close_of(error) if reads_codes(offered) and is_handshake_key(key) else None
        if close is None or not self.readable_refusals.admit(self.transport):
            head, body = _answer_of_refusal(error.retry_after)
            for name, value in cors_headers(cast("Any", self.scope), self.allowed_origins):
                head += name + b": " + value + b"\r\n"
            self.transport.write(head + b"\r\n" + body)
            self.transport.close()
            return
        self._turned_away = True
        self.transport.write(opened_and_closed(key, *close))
        self.loop.call_later(SECONDS, self.transport.abort)

    def _enter(self) -> None:
        # A peer that has given up in the meantime is not let in.
        if self._waits and not self.transport.is_closing():
            self._waits = False
            super().handle_websocket_upgrade()
            # The connection is the WebSocket's protocol's now. A parser knows us and we know it: cut, or ten thousand
            # of such rings wait for a collection.
            self.parser = cast("Any", None)
            self.scope = cast("Any", None)

    def on_message_begin(self) -> None:
        """A request begins; its scope carries the handle."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {EXTENSION: self}

    def shutdown(self) -> None:
        """uvicorn stops: whoever is still here is told to come back."""
        if self._listener is None:
            super().shutdown()
        else:
            self.close(1012, "retry_ms=500")

    def pause_writing(self) -> None:
        """The transport's buffer is over its mark."""
        super().pause_writing()
        self.paused = True
        if self._listener is not None:
            self.unsent.forget(self.transport)
            if not self.closing:
                self._listener.on_paused()

    def resume_writing(self) -> None:
        """The transport's buffer is under its mark again."""
        super().resume_writing()
        self.paused = False
        if self._listener is not None and not self.closing:
            self._listener.on_writable()

    def _start_closing(self, code: int) -> None:
        if self.closing:
            return
        self.closing = True
        if self._listener is not None:
            self._listener.on_closing(code)
