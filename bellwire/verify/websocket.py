"""A terminal on a WebSocket."""

from typing import Any
from urllib.parse import urlencode

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from bellwire.verify.pushed import OPEN_SECONDS, Closed, PushedTill, Refused


class WebSocketTill(PushedTill):
    """A WebSocket, again and again."""

    transport = "websocket"

    async def connect(self, query: dict[str, str]) -> "WebSocketStream":
        """Open one; what is no WebSocket counts as a broken connection."""
        target = f"{self._url.replace('http', 'ws', 1)}/ws/pos/{self.notes.tenant}"
        try:
            socket = await connect(
                f"{target}?{urlencode(query)}" if query else target,
                additional_headers={"Authorization": f"Bearer {self._key}"},
                compression=None,
                proxy=None,
                open_timeout=OPEN_SECONDS,
                ping_interval=None,
                close_timeout=1,
            )
        except InvalidStatus as exc:
            raise Refused(exc.response.status_code) from exc
        except InvalidHandshake as exc:
            raise EOFError from exc
        return WebSocketStream(socket)


class WebSocketStream:
    """One WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        try:
            return orjson.loads(await self._socket.recv())  # type: ignore[no-any-return]
        except ConnectionClosed as exc:
            raise _closed(exc) from exc

    async def ack(self, offset: str, reading: str | None) -> bool:
        """An ack message."""
        try:
            await self._socket.send(orjson.dumps({"type": "ack", "offset": offset}).decode())
        except ConnectionClosed as exc:
            raise _closed(exc) from exc
        return True

    async def close(self, *, abrupt: bool) -> None:
        """With a close frame, or by cutting the line."""
        if abrupt:
            self._socket.transport.abort()
        else:
            await self._socket.close()


def _closed(exc: ConnectionClosed) -> Closed:
    return Closed(exc.rcvd.code, exc.rcvd.reason) if exc.rcvd is not None else Closed(1006, "")
