"""One connection to one Redis server, read and written as it comes: bytes out, everything that arrived in at once.

redis-py makes the connection (address, TLS, user, database, name, protocol) and then stands aside: reading a message
through it costs ten times what the message itself does. Knows the protocol's framing, by hiredis; no command.

Why: docs/decisions/0074-redis-connections.md
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as LinkLost
from redis.exceptions import InvalidResponse, MovedError, ResponseError

Replies = list[Any]
"""Answers and pushes as hiredis reads them, text as bytes; an error of a command is a value among them."""

Command = tuple[str | bytes | int, ...]

_NOTHING_YET = object()


def pack(command: Command) -> bytes:
    """The bytes of one command."""
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]
    return packed


class RawConnection(asyncio.Protocol):
    """Made by `take_over` alone. Its end is one moment: after it nothing is handed over and nothing is sent."""

    def __init__(
        self, link: AbstractConnection, transport: asyncio.Transport, on_replies: Callable[[Replies], None]
    ) -> None:
        self._link = link
        self._transport = transport
        self._on_replies = on_replies
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse, replyError=_error_of, notEnoughData=_NOTHING_YET
        )
        self._writable = asyncio.Event()
        self._writable.set()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the reason, an exception, as soon as this connection is of no use."""

    @property
    def open(self) -> bool:
        """Whether it is of use still."""
        return not self.ended.done()

    def write(self, data: bytes) -> None:
        """Send, or keep until the peer takes it; a caller with much to send waits for `drained` in between."""
        if self.open:
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the peer has taken nearly all; not bounded, and not woken by the end."""
        await self._writable.wait()

    async def close(self) -> None:
        """End it at once; what was not sent yet is not sent."""
        self._end(LinkLost("closed by us"))
        # The library must not think that the connection is its own still.
        await self._link.disconnect(nowait=True)

    # -- the transport's side ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Read all there is, and hand it over in one."""
        if not self.open:
            return
        try:
            reader, replies = self._reader, []
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING_YET:
                replies.append(reply)
            if replies:
                self._on_replies(replies)
        except Exception as exc:
            # A peer that breaks the protocol, or a bug in whoever was told: there is no going on behind it.
            self._end(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._end(exc or LinkLost("closed by the server"))

    def pause_writing(self) -> None:
        """The peer takes nothing for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes again."""
        self._writable.set()

    def _end(self, exc: Exception) -> None:
        if self.open:
            self.ended.set_exception(exc)
            # An error for a caller that waits for it; without one it must not be logged as never retrieved.
            self.ended.exception()
            self._transport.abort()


async def take_over(link: AbstractConnection, on_replies: Callable[[Replies], None]) -> RawConnection:
    """Connect by the library and take the connection from it; the caller bounds the wait.

    `on_replies` must not wait; what it raises ends the connection.

    Raises:
        RedisError, OSError: the server, or what it said to the login.
    """
    try:
        await link.connect()
        # All that the library asked was answered. Bytes that came unasked, an end above all, would never reach us.
        if await link.can_read():
            raise LinkLost("the server spoke first")
    except BaseException:
        await link.disconnect(nowait=True)
        raise
    transport = cast("asyncio.Transport", link._writer.transport)  # type: ignore[union-attr]
    raw_connection = RawConnection(link, transport, on_replies)
    transport.set_protocol(raw_connection)
    return raw_connection


def _error_of(text: str) -> Exception:
    word, _, rest = text.partition(" ")
    return MovedError(rest) if word == "MOVED" else ResponseError(text)
