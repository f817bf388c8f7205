"""Handshakes stand in line: bounded, in order, and those who are too many are told when to come back."""

import asyncio
import contextlib
import signal
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.turned_away import LATEST_SECONDS
from gateway.transport.handshake_queue import HandshakeQueue
from infra.local.pods import Pod
from tests.conftest import StartGateway
from tests.gateway.till import open_till
from tests.shop import Shop

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")


@given(
    crowd=st.integers(0, 60),
    at_once=st.integers(1, 8),
    waiting=st.integers(1, 40),
    ends=st.lists(st.integers(0, 7), max_size=200),
)
def test_whoever_comes_is_let_in_in_order_or_told_when_to_come_back(
    crowd: int, at_once: int, waiting: int, ends: list[int]
) -> None:
    async def play() -> None:
        handshakes = HandshakeQueue(at_once, waiting, lambda: False)
        begun: list[int] = []
        under_way: list[ExitStack] = []

        def begin(number: int) -> None:
            begun.append(number)
            stack = ExitStack()
            stack.enter_context(handshakes.under_way())
            under_way.append(stack)

        admitted = []
        for number in range(crowd):
            retry_after = handshakes.enqueue(lambda number=number: begin(number))  # type: ignore[misc]
            if retry_after is None:
                admitted.append(number)
            else:
                assert 1 <= retry_after <= LATEST_SECONDS
        assert len(admitted) == min(crowd, waiting)
        for end in [*ends, *[0] * crowd]:
            await asyncio.sleep(0)
            assert len(under_way) <= at_once
            if under_way:
                under_way.pop(end % len(under_way)).close()
        await asyncio.sleep(0)
        assert begun == admitted

    asyncio.run(play())


async def test_a_full_house_lets_nobody_stand_in_line() -> None:
    handshakes = HandshakeQueue(1, 10, lambda: True)
    assert handshakes.enqueue(lambda: None) is not None


@contextlib.asynccontextmanager
async def frozen(pod: Pod):  # type: ignore[no-untyped-def]
    """Everything sent meanwhile arrives in one moment."""
    pod.send(signal.SIGSTOP)
    try:
        yield
    finally:
        pod.send(signal.SIGCONT)


async def ask(pod: Pod, shop: Shop) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    writer.write(
        f"GET /ws/pos/{shop.slug} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {shop.terminal_key}\r\n\r\n".encode()
    )
    return reader, writer


async def test_too_many_at_once_get_503_with_a_time_and_the_others_come_in(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_MAX_HANDSHAKES": "2", "BELLWIRE_MAX_WAITING": "5"})
    async with frozen(pod):
        crowd = [await ask(pod, shop) for _ in range(60)]
        await asyncio.sleep(0.2)
    heads = []
    for reader, writer in crowd:
        async with asyncio.timeout(20):
            heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.close()
    refused = [head for head in heads if head.startswith("HTTP/1.1 503 ")]
    assert len([head for head in heads if head.startswith("HTTP/1.1 101 ")]) + len(refused) == 60
    assert len(refused) >= 20
    assert len(refused) < 60
    for head in refused:
        fields = dict(line.lower().split(": ") for line in head.split("\r\n")[1:] if line)
        assert 1 <= int(fields["retry-after"]) <= LATEST_SECONDS
        assert fields["content-type"] == "application/problem+json"


async def test_whoever_gives_up_in_line_leaves_it_and_the_pod_goes_on(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_MAX_HANDSHAKES": "1"})
    async with frozen(pod):
        crowd = [await ask(pod, shop) for _ in range(100)]
        await asyncio.sleep(0.1)
        for _, writer in crowd:
            writer.transport.abort()
    async with open_till(pod, shop.slug, shop.terminal_key) as till:
        await till.until("caught_up")


async def test_bytes_before_the_answer_end_a_connection_that_waits(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_MAX_HANDSHAKES": "1"})
    async with frozen(pod):
        crowd = [await ask(pod, shop) for _ in range(40)]
        await asyncio.sleep(0.1)
    for _, writer in crowd:
        writer.write(b"\x81\x80\x00\x00\x00\x00")
    async with open_till(pod, shop.slug, shop.terminal_key) as till:
        await till.until("caught_up")
    for _, writer in crowd:
        writer.close()
