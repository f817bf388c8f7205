"""The gateway's HTTP protocol for uvicorn: requests as ever, and a raw handle for answers that do not end.

An application that takes the handle from `scope["extensions"]["bellwire.eventstream"]` sends the head of its answer,
attaches a listener and returns: from then on the connection has no task and no queue, and finished chunks go straight
to its transport. Bytes that the peer still sends are passed over.

A request for a WebSocket waits in the handshake queue until it is its turn, or is turned away there. A plain one
(`gateway.transport.plain_handshake`) is then decided on while it is still ours, and becomes an open WebSocket in one
write; any other one, and one that is refused, goes on as a connection of `gateway.transport.websocket`.

Why: docs/decisions/0050-event-streams.md, docs/decisions/0138-the-short-way-in.md
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from time import time
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
from gateway.transport.connection import ABNORMAL, CLOSE_SECONDS, Listener, peer_of
from gateway.transport.first_reads import FirstReads
from gateway.transport.handshake_queue import HandshakeQueue
from gateway.transport.plain_handshake import PlainHandshake, UpgradeAnswers, read_plain
from gateway.transport.readable_refusal import (
    SECONDS,
    ReadableRefusals,
    close_of,
    is_handshake_key,
    opened_and_closed,
    reads_codes,
)
from gateway.transport.websocket import DECIDED, WebSocketProtocol

EXTENSION = "bellwire.eventstream"
WRITE_BUFFER_BYTES = 64 * 1024
_A_HANDSHAKE = b"GET /ws/pos/"


@functools.cache
def _answer_of_refusal(retry_after: int) -> tuple[bytes, bytes]:
    """The answer's head, to which lines may be added, and what comes behind its blank line."""
    response = response_of(Unavailable("room on this gateway", retry_after))
    head = [b"HTTP/1.1 503 Service Unavailable", b"connection: close"]
    head += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*head, b""]), bytes(response.body)


ShortWay = Callable[["EventStreamProtocol", PlainHandshake], Awaitable[None]]
"""Decides on a plain handshake and opens it, or raises what it is refused with."""


def protocol_at(
    handshakes: HandshakeQueue,
    readable_refusals: ReadableRefusals,
    allowed_origins: AllowedOrigins,
    short_way: ShortWay | None = None,
) -> type["EventStreamProtocol"]:
    """The class of a gateway's HTTP connections, whose WebSockets wait in `handshakes`."""
    members = {
        "handshakes": handshakes,
        "readable_refusals": readable_refusals,
        "allowed_origins": allowed_origins,
        "short_way": None if short_way is None else staticmethod(short_way),
        "answers": UpgradeAnswers(),
        "first_reads": FirstReads(),
    }
    return type("GatewayHttp", (EventStreamProtocol,), members)


class EventStreamProtocol(HttpProtocol):
    """One HTTP connection; `attach` makes it a terminal's. Made by a class of `protocol_at`."""

    handshakes: HandshakeQueue
    readable_refusals: ReadableRefusals
    allowed_origins: AllowedOrigins
    short_way: ShortWay | None = None
    answers: UpgradeAnswers
    first_reads: FirstReads

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread: bytes | None = None
        self._waits = False
        self._is_decided_on = False
        self._turned_away = False
        self._listener: Listener | None = None
        self.descriptor: int | None = None
        self.paused = False
        self.closing = False

    # -- the handle that an attached application uses ------------------------------------------------------------

    @property
    def peer(self) -> str | None:
        """The address at the other end of the connection itself."""
        return peer_of(self.transport)

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
        self._unread = None
        self._waits = False
        self._start_closing(ABNORMAL)
        super().connection_lost(exc)
        # The two know each other: cut, or a crowd of such rings waits for a collection.
        self._listener = None

    def data_received(self, data: bytes) -> None:
        """Parse a request, if it is for a WebSocket when it is its turn. An attached peer has nothing more to say."""
        if self._waits:
            # Nothing may be said before the answer (RFC 6455, 4.1).
            self.transport.abort()
        elif self._turned_away:
            # Of what is still said, only a Close frame counts: then both have said it.
            if data[0] == plain_frames.CLOSE:
                self.transport.close()
        elif self._unread is not None:
            # Read at once, so that no more is kept than came in two pieces.
            data, self._unread = self._unread + data, None
            super().data_received(data)
        elif self._listener is None:
            if self.cycle is None and data.startswith(_A_HANDSHAKE):
                self._unread = data
                self.first_reads.enqueue(self._read)
            else:
                super().data_received(data)

    def _read(self) -> None:
        if self._unread is not None and not self.transport.is_closing():
            data, self._unread = self._unread, None
            try:
                super().data_received(data)
            except Exception:
                # As the loop does when it hands bytes over itself: a bug costs the connection.
                self.transport.abort()
                raise

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
        if not self._waits or self.transport.is_closing():
            return
        plain = None
        if self.short_way is not None:
            plain = read_plain(
                self.url,
                cast("Any", self.scope["headers"]),
                self.scope["http_version"],
                deflate=self.config.ws_per_message_deflate,
            )
        if plain is None:
            self._go_the_long_way()
            return
        self._is_decided_on = True
        task = self.loop.create_task(self._go_the_short_way(plain))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _go_the_short_way(self, plain: PlainHandshake) -> None:
        assert self.short_way is not None
        try:
            await self.short_way(self, plain)
        except Exception as exc:
            # Refused, or a bug: said on the one way that knows how.
            if self._waits and not self.transport.is_closing():
                self._go_the_long_way(exc)

    def _go_the_long_way(self, decided: Exception | None = None) -> None:
        self._waits = False
        if decided is not None:
            self.app_state = {**self.app_state, DECIDED: decided}
        super().handle_websocket_upgrade()
        self._is_handed_over()

    def open_socket(self, plain: PlainHandshake, subprotocol: str | None) -> WebSocketProtocol | None:
        """Answer a handshake that was let in; None when its peer is gone, and nobody is to be seated.

        The answer waits for `WebSocketProtocol.uncork`, and what is written until then goes with it.
        """
        if not self._waits or self.transport.is_closing():
            return None
        self._waits = False
        self.connections.discard(self)
        socket = WebSocketProtocol.opened(
            self.config,
            self.server_state,
            self.loop,
            self.transport,
            self.answers.to(plain.key, subprotocol, time()),
        )
        self._is_handed_over()
        return socket

    def _is_handed_over(self) -> None:
        # The connection is the WebSocket's protocol's now. A parser knows us and we know it: cut, or ten thousand of
        # such rings wait for a collection.
        self.parser = cast("Any", None)
        self.scope = cast("Any", None)

    def on_message_begin(self) -> None:
        """A request begins; its scope carries the handle."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {EXTENSION: self}

    def shutdown(self) -> None:
        """uvicorn stops: whoever is still here is told to come back."""
        if self._listener is not None:
            self.close(1012, "retry_ms=500")
        elif self._is_decided_on and self._waits:
            self._go_the_long_way(Unavailable("the gateway"))
            cast("WebSocketProtocol", self.transport.get_protocol()).shutdown()
        else:
            super().shutdown()

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
