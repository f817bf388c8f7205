"""A request that is read in a later turn of the loop ends as one that is read at once: answered, or cut by a bug."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from backbone.contract.origin import AllowedOrigins
from gateway.transport.event_stream import protocol_at
from gateway.transport.first_reads import FirstReads
from gateway.transport.handshake_queue import HandshakeQueue
from gateway.transport.readable_refusal import ReadableRefusals
from tests.gateway.stage import REQUEST

HEAD = REQUEST.format(tenant="ws/pos/a").encode()


class Later(FirstReads):
    """A line in which everybody waits a while."""

    def enqueue(self, read: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(0.2, read)


async def said(pieces: list[bytes], *, breaks: bool = False) -> bytes:
    """Everything that is said to somebody who says these, a moment apart."""
    base = protocol_at(HandshakeQueue(1, 10, lambda: True), ReadableRefusals(), AllowedOrigins([]))

    class Late(base):  # type: ignore[misc, valid-type]
        first_reads = Later()

        def handle_websocket_upgrade(self) -> None:
            if breaks:
                raise RuntimeError("a bug")
            super().handle_websocket_upgrade()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nothing is asked of the application")

    config = Config(cast("Any", app), interface="asgi3", lifespan="off", log_config=None, ws="none")
    config.load()
    config.ws_protocol_class = cast("Any", object)
    state, loop = ServerState(), asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    server = await loop.create_server(lambda: Late(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    heard = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                heard = await reader.read()
    finally:
        writer.transport.abort()
        server.close()
    return heard


async def test_a_request_that_waits_is_answered_when_it_is_its_turn() -> None:
    assert (await said([HEAD])).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("cut", [30, len(HEAD) - 1])
async def test_a_request_in_two_pieces_is_answered_once(cut: int) -> None:
    heard = await said([HEAD[:cut], HEAD[cut:]])
    assert heard.startswith(b"HTTP/1.1 503 ")
    assert heard.count(b"HTTP/1.1 ") == 1


async def test_one_that_is_turned_away_is_answered_once_whatever_else_it_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="bellwire.http")
    heard = await said([HEAD + b"\x89\x80\x00\x00\x00\x00"])
    assert heard.startswith(b"HTTP/1.1 503 ")
    assert heard.count(b"HTTP/1.1 ") == 1
    assert "http.malformed" not in caplog.text


async def test_a_bug_in_the_reading_costs_the_connection() -> None:
    assert await said([HEAD], breaks=True) == b""
