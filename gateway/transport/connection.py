"""A terminal's connection as the rest of the gateway sees it, whatever its transport: a handle, and its listener.

`gateway.transport.websocket` and `gateway.transport.event_stream` are the two there are.

Why: docs/decisions/0050-event-streams.md
"""

import asyncio
from typing import Protocol

CLOSE_SECONDS = 5.0
ABNORMAL = 1006
"""The close code of a connection that ended without a word."""


def peer_of(transport: asyncio.BaseTransport) -> str | None:
    """The address at a transport's other end; None: it has none, or is gone."""
    found = transport.get_extra_info("peername")
    return str(found[0]) if isinstance(found, tuple) else None


class Connection(Protocol):
    """Takes finished bytes for its peer. Nothing is written once closing started, whoever started it."""

    paused: bool
    closing: bool
    descriptor: int | None
    """Of a plain socket that may be written to past the transport, as long as neither `paused` nor `closing` is true:
    the transport holds nothing back then. None where bytes have to pass through it (TLS, a stream of events)."""

    @property
    def peer(self) -> str | None:
        """The address at the other end of the connection itself: of the balancer, where one stands between."""

    def write(self, frames: bytes | memoryview) -> None:
        """Send finished bytes. After closing started this does nothing."""

    def close(self, code: int, reason: str = "") -> None:
        """Tell the peer why, and end; a peer that does not take it in time is cut."""

    def abort(self) -> None:
        """Cut the connection at once; for a peer that does not answer any more."""


class Listener(Protocol):
    """The calls that an attached application hears. Called from the event loop; must not wait and must not raise."""

    def on_message(self, data: bytes, is_text: bool) -> None:
        """A whole message; text is valid UTF-8."""

    def on_pong(self) -> None:
        """The peer answered a ping."""

    def on_other_frame(self) -> None:
        """A ping, answered already, or a piece of a message: nothing to do, but whoever counts counts it."""

    def on_paused(self) -> None:
        """The transport's buffer is full; what is written now only makes it longer."""

    def on_writable(self) -> None:
        """The transport's buffer has drained."""

    def on_closing(self, code: int) -> None:
        """Closing starts, or the connection is gone. Called once; nothing may be written any more."""
