"""The proxy spoils what it says, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from chaos.tcp import ChaosProxy, chaos_proxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def proxy() -> AsyncIterator[ChaosProxy]:
    """In front of a server that says everything back, in a line of its own number."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(b"heard " + line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, chaos_proxy(server.sockets[0].getsockname()[1]) as found:
        yield found


async def connected(proxy: ChaosProxy) -> Streams:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def say(streams: Streams, word: bytes, seconds: float = 5) -> bytes:
    streams[1].write(word + b"\n")
    async with asyncio.timeout(seconds):
        return await streams[0].readline()


async def ended(streams: Streams) -> bool:
    """Whether the other end is gone."""
    try:
        return await say(streams, b"there?") == b""
    except ConnectionError:
        return True


async def test_left_alone_it_carries_both_ways_and_ends_with_either_end(proxy: ChaosProxy) -> None:
    link = await connected(proxy)
    for number in range(20):
        assert await say(link, b"%d" % number) == b"heard %d\n" % number
    link[1].close()
    await link[1].wait_closed()


async def test_a_delay_holds_back_and_keeps_the_order(proxy: ChaosProxy) -> None:
    link = await connected(proxy)
    proxy.delay = lambda: 0.1
    began = time.monotonic()
    assert await say(link, b"late") == b"heard late\n"
    assert time.monotonic() - began >= 0.2
    link[1].close()


@pytest.mark.parametrize("direction", ["both", "to_server", "to_client"])
async def test_silence_drops_without_a_word_and_ends_the_connection_when_it_is_over(
    direction: str, proxy: ChaosProxy
) -> None:
    link = await connected(proxy)
    assert await say(link, b"one") == b"heard one\n"
    proxy.drop_silently(direction)  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        await say(link, b"two", 0.3)
    mute = await connected(proxy)
    with pytest.raises(TimeoutError):
        await say(mute, b"three", 0.3)
    proxy.pass_on()
    for spoiled in (link, mute):
        assert await ended(spoiled), "it went on with a hole in it"
    fresh = await connected(proxy)
    assert await say(fresh, b"five") == b"heard five\n"
    fresh[1].close()


async def test_a_connection_that_lost_nothing_survives_a_silence(proxy: ChaosProxy) -> None:
    link = await connected(proxy)
    assert await say(link, b"one") == b"heard one\n"
    proxy.drop_silently()
    proxy.pass_on()
    assert await say(link, b"two") == b"heard two\n"
    link[1].close()


async def test_a_reset_is_a_reset_for_old_connections_and_new_ones(proxy: ChaosProxy) -> None:
    link = await connected(proxy)
    assert await say(link, b"one") == b"heard one\n"
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await link[0].readexactly(1)
    fresh = await connected(proxy)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await fresh[0].readexactly(1)
    proxy.pass_on()
    again = await connected(proxy)
    assert await say(again, b"two") == b"heard two\n"
    again[1].close()
