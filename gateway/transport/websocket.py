"""The gateway's WebSocket protocol for uvicorn: a handshake as ASGI knows it, then a raw handle.

Parsing is Sans-I/O, see `gateway.transport.websocket_parser`. An application that only speaks ASGI sees an ordinary
WebSocket, see `gateway.transport.asgi_websocket`. One that takes the handle from
`scope["extensions"]["bellwire.socket"]` attaches a listener and returns: from then on the connection has no task, no
queue, no timer, and no parser until its peer sends more than plain frames (`gateway.core.plain_frames`); finished
frames go straight to its transport.

Nothing is written after a Close frame, and the listener hears `on_closing` at the moment closing starts, whoever starts
it, before anything else can be written anywhere.

Why: docs/decisions/0004-own-websocket-protocol.md
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Self, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING, OPEN

from backbone.contract.errors import Problem
from backbone.runtime.problems import problem_response
from gateway.core import plain_frames
from gateway.transport.asgi_websocket import AsgiWebSocket, answer_of, scope_of
from gateway.transport.connection import ABNORMAL, CLOSE_SECONDS, Listener, peer_of
from gateway.transport.websocket_parser import Parser

log = logging.getLogger("bellwire.socket")

EXTENSION = "bellwire.socket"
DECIDED = "bellwire.decided"
"""In a scope's `state`: what a handshake is refused with, when that was found before the application was asked."""
_KEPT = ("Upgrade", "Sec-WebSocket-Version")


def plain_descriptor(transport: asyncio.BaseTransport) -> int | None:
    """Return the descriptor of a transport that hands its bytes to a socket as they are; of any other one None."""
    if transport.get_extra_info("sslcontext") is not None:
        return None
    found = transport.get_extra_info("socket")
    return None if found is None else cast("int", found.fileno())


def _as_problem(response: Response) -> Response:
    """Say the library's refusal of a handshake, a sentence of plain text, as we say everything that is wrong."""
    upgrade = response.status_code == HTTPStatus.UPGRADE_REQUIRED
    detail = (response.body or b"").decode("latin-1").splitlines()[0]
    kept = {name: value for name, value in response.headers.raw_items() if name in _KEPT}
    problem = Problem.UPGRADE_REQUIRED if upgrade else Problem.BAD_REQUEST
    return answer_of(problem_response(problem, detail, headers={**kept, "Connection": "close"}))


class WebSocketProtocol(asyncio.Protocol):
    """One connection, from uvicorn's hand-over of the upgrade request to its end."""

    __slots__ = ("_app_state", "_asgi", "_config", "_corked", "_cutting", "_deaf", "_granted", "_heard_request_only",
                 "_listener", "_loop", "_server_state", "_ws", "closing", "descriptor", "paused",
                 "transport")  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        parses: bool = True,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        # None while there is nothing to parse: from the handshake to the first frame that is not plain.
        self._ws = Parser(config.ws_max_size, deflate=config.ws_per_message_deflate) if parses else None
        self._granted: list[Extension] = []
        self._heard_request_only = False
        # Writes while the connection opens go in one piece.
        self._corked: list[bytes | memoryview] | None = None
        # As long as the application's call lasts.
        self._asgi: AsgiWebSocket | None = None
        self._listener: Listener | None = None
        self._deaf = False
        self._cutting: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.descriptor: int | None = None
        self.paused = False
        self.closing = False

    @classmethod
    def opened(
        cls,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        answer: bytes,
    ) -> Self:
        """A connection whose handshake was read and let in elsewhere, with this answer.

        Nothing is sent before `uncork`: the answer and the first messages are one write then.
        """
        socket = cls(config, server_state, {}, loop, parses=False)
        socket._corked = [answer]
        socket.connection_made(transport)
        transport.set_protocol(socket)
        return socket

    def uncork(self) -> None:
        """Send what was written since `opened`; what is written from now on goes at once."""
        corked, self._corked = self._corked, None
        if corked and not self.closing:
            self.transport.write(b"".join(corked))

    def fail(self) -> None:
        """Tell the log of the exception that is handled now, and end with a fault of ours."""
        log.exception("socket.bug")
        self._end_call(1011, "a fault of ours", Problem.INTERNAL)

    # -- the handle that an attached application uses ------------------------------------------------------------

    @property
    def takes_deflated(self) -> bool:
        """Whether shared compressed frames may be written to this peer. Ask before you attach."""
        return self._parser().takes_deflated

    def attach(self, listener: Listener) -> None:
        """Give the open connection to `listener`; the ASGI application may return now.

        What arrived in the meantime is handed over at once, an end of the connection included.
        """
        self._listener = listener
        for message in () if self._asgi is None else self._asgi.drain():
            if message["type"] == "websocket.receive":
                text = message.get("text")
                listener.on_message(message["bytes"] if text is None else text.encode(), text is not None)
            elif message["type"] == "websocket.disconnect":
                listener.on_closing(message["code"])
        # Messages that waited for the application had stopped the peer.
        self.regulate_reading()
        if self.paused and not self.closing:
            listener.on_paused()
        if self._heard_request_only and self._ws is not None and not self.closing:
            # With it go the request and its headers, which a parser's generator keeps as long as it lives.
            self._granted = self._ws.extensions
            self._ws = None

    def write(self, frames: bytes | memoryview) -> None:
        """Send finished frames. After closing started this does nothing."""
        if self.closing:
            return
        if self._corked is None:
            self.transport.write(frames)
        else:
            self._corked.append(frames)

    def close(self, code: int, reason: str = "", *, patience: float = CLOSE_SECONDS) -> None:
        """Start closing with a Close frame; the connection is cut if the peer does not answer in time."""
        if self.closing:
            return
        self.uncork()
        self._start_closing(code)
        # It may have been closing for a fault in what came later, and was parsed already.
        if self._parser().state is OPEN:
            self._parser().send_close(code, reason)
        self._flush()
        self._cut_soon(patience)

    def abort(self) -> None:
        """Cut the connection at once; for a peer that does not answer any more."""
        self._start_closing(ABNORMAL)
        self.transport.abort()

    # -- asyncio.Protocol ----------------------------------------------------------------------------------------

    @property
    def peer(self) -> str | None:
        """The address at the other end of the connection itself."""
        return peer_of(self.transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport from uvicorn's HTTP protocol."""
        self.transport = cast("asyncio.Transport", transport)
        # No byte may wait in the transport while we are not paused: then, and only then, it may be written past.
        self.transport.set_write_buffer_limits(high=0)
        # Bytes that uvicorn's protocol left there were told to it, not to us.
        self.paused = self.transport.get_write_buffer_size() > 0
        self.descriptor = plain_descriptor(self.transport)
        self._server_state.connections.add(cast("Any", self))

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._server_state.connections.discard(cast("Any", self))
        self._start_closing(ABNORMAL)
        if self._ws is not None:
            self._ws.end()
        self._tell_writable()
        if self._cutting is not None:
            self._cutting.cancel()
        # A listener knows us and we know it: cut, or a crowd of such rings waits for a collection.
        self._listener = self._cutting = None

    def pause_writing(self) -> None:
        """The transport holds something back."""
        self.paused = True
        self.regulate_reading()
        if self._listener is not None and not self.closing:
            self._listener.on_paused()

    def resume_writing(self) -> None:
        """The transport's buffer is empty again."""
        self.paused = False
        self.regulate_reading()
        self._tell_writable()
        if self._listener is not None and not self.closing:
            self._listener.on_writable()

    def data_received(self, data: bytes) -> None:
        """Parse, answer pings and closes, hand the rest on. Bytes behind a Close frame or a fault are passed over."""
        if self._deaf:
            return
        if self._ws is None:
            data = data[self._take_plain(data) :]
            if not data:
                return
        ws = self._parser()
        ws.receive_data(data)
        events = ws.events_received()
        # To the byte: then the parser stands between two frames, and another one may go on in its place.
        self._heard_request_only = (
            len(events) == 1 and isinstance(events[0], Request) and data.find(b"\r\n\r\n") == len(data) - 4
        )
        for event in events:
            if isinstance(event, Request):
                self._on_request(event)
            else:
                self._on_frame(cast("Frame", event))
        if ws.parser_exc is not None or ws.close_rcvd is not None or ws.close_sent is not None:
            self._end()
        else:
            self._flush()

    def eof_received(self) -> None:
        """The peer will send nothing more; without a Close frame that is an abnormal end."""
        self._start_closing(ABNORMAL)
        # asyncio closes the transport now, which waits for a peer that may never take the rest.
        self._cut_soon()

    def shutdown(self) -> None:
        """uvicorn stops: whoever is still here is told to come back."""
        self._end_call(1012, "retry_ms=500", Problem.UNAVAILABLE)

    def _parser(self) -> Parser:
        """Return the parser; a connection that went without gets one that begins where the next frame does."""
        if self._ws is None:
            self._ws = Parser.of_open(self._config.ws_max_size, self._granted)
        return self._ws

    # -- frames --------------------------------------------------------------------------------------------------

    def _take_plain(self, data: bytes) -> int:
        """Deal with the plain frames that `data` begins with; returns where the first other one begins."""
        start = 0
        while not self.closing and (frame := plain_frames.take(data, start)) is not None:
            start = frame.end
            if frame.kind == plain_frames.TEXT:
                self._on_message(frame.payload, is_text=True)
            elif frame.kind == plain_frames.PING:
                if self._listener is not None:
                    self._listener.on_other_frame()
                self.write(plain_frames.pong(frame.payload))
            elif self._listener is not None:
                self._listener.on_pong()
        return start

    def _on_frame(self, frame: Frame) -> None:
        if self.closing:
            return
        if frame.opcode is Opcode.PONG:
            if self._listener is not None:
                self._listener.on_pong()
        elif frame.fin and frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._on_message(bytes(frame.data), frame.opcode is Opcode.TEXT)
        elif self._listener is not None:
            self._listener.on_other_frame()

    def _on_message(self, data: bytes, is_text: bool) -> None:
        if self._listener is not None:
            self._listener.on_message(data, is_text)
        elif self._asgi is not None:
            self._asgi.hear(data, is_text)

    def _end(self) -> None:
        """The closing handshake is under way or the peer broke the protocol: say our part and close."""
        ws = self._parser()
        closed = ws.close_rcvd or ws.close_sent
        self._start_closing(closed.code if closed is not None else ABNORMAL)
        self._flush()
        if ws.close_rcvd is None and ws.parser_exc is None:
            return  # Our Close frame is under way, and theirs is awaited.
        self._deaf = True
        if ws.close_rcvd is not None:
            self.transport.close()
        # After a fault the peer closes, having read why: closing with input unread would reset the connection and take
        # our Close frame with it. A peer that does neither, or does not take what is still written to it, is cut.
        self._cut_soon()

    def _start_closing(self, code: int) -> None:
        if self.closing:
            return
        self.closing = True
        if self._listener is not None:
            self._listener.on_closing(code)
        elif self._asgi is not None:
            self._asgi.hear_end(code)

    def _cut_soon(self, seconds: float = CLOSE_SECONDS) -> None:
        if self._cutting is None:
            self._cutting = self._loop.call_later(seconds, self._cut)

    def _cut(self) -> None:
        self.transport.abort()

    def _flush(self) -> None:
        for data in self._parser().data_to_send():
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()

    # -- the application's call (`gateway.transport.asgi_websocket.Peer`) ----------------------------------------

    def answer(self, response: Response) -> None:
        """Answer the handshake: open the WebSocket, or refuse it and end."""
        if self.closing:
            return
        refused = response.status_code != HTTPStatus.SWITCHING_PROTOCOLS
        if refused:
            self._start_closing(ABNORMAL)
        self._parser().send_response(response)
        self._flush()
        if refused:
            self.transport.close()

    def say(self, data: str | bytes) -> None:
        """Send a message.

        Raises:
            ConnectionError: the WebSocket is not open any more.
        """
        if self.closing or self._parser().state is not OPEN:
            raise ConnectionError("the socket is closed")
        if isinstance(data, str):
            self._parser().send_text(data.encode())
        else:
            self._parser().send_binary(data)
        self._flush()

    def regulate_reading(self) -> None:
        """Let a peer speak while we can answer and the application listens: its flood then fills its own memory.

        Of messages one may wait. A peer that takes nothing is heard no further than what it has said already.
        """
        if self.transport.is_closing():
            return
        crowded = self._asgi is not None and self._asgi.crowded
        # When we are closing, the peer's Close frame is still to come.
        if self.paused or (crowded and not self.closing):
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _on_request(self, request: Request) -> None:
        response = self._parser().accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.answer(_as_problem(response))
            return
        self._asgi = AsgiWebSocket(self, response)
        scope = scope_of(
            request,
            secure=self.transport.get_extra_info("sslcontext") is not None,
            server=self.transport.get_extra_info("sockname"),
            client=self.transport.get_extra_info("peername"),
            state=self._app_state.copy(),
            extensions={"websocket.http.response": {}, EXTENSION: self},
        )
        task = self._loop.create_task(self._call(self._asgi, scope))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    async def _call(self, asgi: AsgiWebSocket, scope: dict[str, Any]) -> None:
        app = cast("Any", self._config.loaded_app)
        try:
            await app(scope, asgi.receive, asgi.send)
        except ConnectionError:
            pass
        except Exception:
            self.fail()
        # An attached connection outlives the application's call; any other one ends with it.
        if self._listener is None:
            self._end_call(1000, "", Problem.INTERNAL)
        self._asgi = None

    def _end_call(self, code: int, reason: str, problem: Problem) -> None:
        """Close an open WebSocket; refuse one that is not open yet."""
        if self.closing:
            return
        # Without a parser it is at rest, and has long been open.
        if self._ws is None or self._ws.state is not CONNECTING:
            self.close(code, reason)
        elif self._asgi is not None:
            self._asgi.refuse(problem)
        else:
            self.abort()

    def _tell_writable(self) -> None:
        if self._asgi is not None:
            self._asgi.on_writable()
