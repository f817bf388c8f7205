"""An application's side of a WebSocket, in ASGI's words: what it may receive, and what it says.

Knows messages and the handshake's answer. Knows no bytes, no frames and no transport: those are its peer's
(`gateway.transport.websocket`). It lasts as long as the application's call, so a connection that a listener has
taken over keeps nothing of it.

Why: docs/decisions/0004-own-websocket-protocol.md
"""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

from starlette.responses import Response as HttpResponse
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from backbone.contract.errors import Problem
from backbone.runtime.problems import problem_response

Message = dict[str, Any]


class Peer(Protocol):
    """The connection that it is one side of."""

    paused: bool
    closing: bool

    def answer(self, response: Response) -> None:
        """Answer the handshake: open the WebSocket, or refuse it and end."""

    def say(self, data: str | bytes) -> None:
        """Send a message.

        Raises:
            ConnectionError: the WebSocket is not open any more.
        """

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake."""

    def regulate_reading(self) -> None:
        """The inbox is longer or shorter than it was."""


class AsgiWebSocket:
    """One connection's. `upgrade` is the answer that opens the WebSocket, should the application accept it."""

    __slots__ = ("_denial", "_inbox", "_peer", "_upgrade", "_waiter", "_writable")

    def __init__(self, peer: Peer, upgrade: Response) -> None:
        self._peer = peer
        # None once it is sent.
        self._upgrade: Response | None = upgrade
        self._denial: Response | None = None
        self._inbox: list[Message] = [{"type": "websocket.connect"}]
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    @property
    def crowded(self) -> bool:
        """Whether more than one message waits for the application."""
        return len(self._inbox) > 1

    def hear(self, data: bytes, is_text: bool) -> None:
        """The other end said something."""
        self._put({"type": "websocket.receive"} | ({"text": data.decode()} if is_text else {"bytes": data}))

    def hear_end(self, code: int) -> None:
        """The WebSocket closes, or was never opened."""
        self._put({"type": "websocket.disconnect", "code": code})

    def on_writable(self) -> None:
        """The peer takes more."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def drain(self) -> Iterator[Message]:
        """Take out what the application has not received."""
        while self._inbox:
            yield self._inbox.pop(0)

    def refuse(self, problem: Problem) -> None:
        """Answer the handshake with a problem document."""
        self._deny(answer_of(problem_response(problem, problem.title)))

    async def receive(self) -> Message:
        """ASGI's `receive`."""
        while not self._inbox:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._waiter = None
        message = self._inbox.pop(0)
        self._peer.regulate_reading()
        return message

    async def send(self, message: Message) -> None:
        """ASGI's `send`.

        Raises:
            ConnectionError: the other end is gone.
            RuntimeError: the message is not known, or comes out of turn.
        """
        if self._peer.paused and not self._peer.closing:
            self._writable = asyncio.get_running_loop().create_future()
            await self._writable
        match message["type"]:
            case "websocket.send" if self._upgrade is None:
                data = message.get("bytes")
                self._peer.say(message["text"] if data is None else data)
            case "websocket.accept":
                self._accept(message)
            case "websocket.close" if self._upgrade is None:
                self._peer.close(message.get("code", 1000), message.get("reason") or "")
            case "websocket.close":
                self.refuse(Problem.FORBIDDEN)
            case "websocket.http.response.start":
                headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message.get("headers", [])]
                status = HTTPStatus(message["status"])
                self._denial = Response(status, status.phrase, Headers(headers), b"")
            case "websocket.http.response.body" if self._denial is not None:
                self._denial.body = (self._denial.body or b"") + message.get("body", b"")
                if not message.get("more_body", False):
                    self._deny(self._denial)
            case other:
                raise RuntimeError(f"an ASGI message out of turn: {other}")

    def _put(self, message: Message) -> None:
        self._inbox.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._peer.regulate_reading()

    def _accept(self, message: Message) -> None:
        if self._peer.closing or self._upgrade is None:
            raise ConnectionError("the peer is gone")
        for name, value in message.get("headers", []):
            self._upgrade.headers[name.decode("latin-1")] = value.decode("latin-1")
        if message.get("subprotocol"):
            self._upgrade.headers["Sec-WebSocket-Protocol"] = message["subprotocol"]
        upgrade, self._upgrade = self._upgrade, None
        self._peer.answer(upgrade)

    def _deny(self, response: Response) -> None:
        response.headers.setdefault("Content-Length", str(len(response.body or b"")))
        response.headers["Connection"] = "close"
        self._peer.answer(response)


def answer_of(response: HttpResponse) -> Response:
    """Return an HTTP answer as one to a handshake."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
    status = HTTPStatus(response.status_code)
    return Response(status, status.phrase, Headers(headers), bytes(response.body))


def scope_of(
    request: Request, *, secure: bool, server: Any, client: Any, state: Any, extensions: Any
) -> Message:
    """Return the ASGI scope of a request for a WebSocket; `server` and `client` are the two ends' addresses."""
    path, _, query = request.path.partition("?")
    if not path.startswith("/"):
        # The absolute form, which a server has to take (RFC 9112, 3.2.2).
        _, slash, path = path.partition("://")[2].partition("/")
        path = slash + path
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if secure else "ws",
        "server": server,
        "client": client,
        "root_path": "",
        "path": unquote(path),
        "raw_path": path.encode("ascii", "replace"),
        "query_string": query.encode("ascii", "replace"),
        "headers": [
            (name.lower().encode("ascii"), value.encode("latin-1"))
            for name, value in request.headers.raw_items()
        ],
        "subprotocols": [token.strip() for token in offered.split(",") if token.strip()],
        "state": state,
        "extensions": extensions,
    }
