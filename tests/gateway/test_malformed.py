"""A peer that sends any bytes, in any pieces, is closed with the code of the book, and nobody else feels it."""

import asyncio
import contextlib
import socket
import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.pods import Pod
from infra.local.waiting import wait_until
from tests.conftest import StartGateway
from tests.gateway.raw import (
    close_code,
    code_of,
    dial,
    frame,
    frames_until_end,
    open_files,
    peer_holds,
    raw_socket,
    request,
    resident_bytes,
)
from tests.gateway.till import open_till
from tests.shop import Shop

PING_MESSAGE = b'{"type":"ping"}'

short = st.binary(max_size=125)
harmless = st.one_of(
    st.builds(frame, st.just(0x89), short),
    st.builds(frame, st.just(0x8A), short),
    st.just(frame(0x81, PING_MESSAGE)),
    st.integers(0, len(PING_MESSAGE)).map(
        lambda cut: frame(0x01, PING_MESSAGE[:cut]) + frame(0x89, b"amid") + frame(0x80, PING_MESSAGE[cut:])
    ),
)
not_utf8 = st.binary(max_size=60).flatmap(
    lambda head: st.sampled_from([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]).map(
        lambda bad: bytes(byte & 0x7F for byte in head) + bad
    )
)
faults = st.one_of(
    st.builds(lambda first, data: (frame(first, data, masked=False), 1002), st.sampled_from([0x81, 0x82, 0x89]), short),
    st.builds(lambda code, data: (frame(0x80 | code, data), 1002), st.sampled_from([3, 4, 7, 11, 15]), short),
    st.builds(lambda bit, data: (frame(0x81 | bit, data), 1002), st.sampled_from([0x10, 0x20, 0x40]), short),
    st.builds(lambda data: (frame(0x80, data), 1002), short),
    st.builds(lambda data: (frame(0x01, b"{") + frame(0x81, data), 1002), short),
    st.builds(lambda code, data: (frame(code, data), 1002), st.sampled_from([0x08, 0x09, 0x0A]), short),
    st.builds(lambda data: (frame(0x89, data), 1002), st.binary(min_size=126, max_size=600)),
    st.builds(lambda data: (frame(0x88, data), 1002), st.binary(min_size=1, max_size=1)),
    st.builds(lambda code: (frame(0x88, code.to_bytes(2)), 1002), st.sampled_from([0, 999, 1005, 1006, 2999, 5000])),
    st.builds(lambda bad: (frame(0x88, b"\x03\xe8" + bad), 1007), not_utf8),
    st.builds(lambda bad: (frame(0x81, bad), 1007), not_utf8),
    st.builds(lambda bad: (frame(0x01, bad[:1]) + frame(0x00) + frame(0x80, bad[1:]), 1007), not_utf8),
    # Of what is too big the header alone is sent: nobody waits for the rest.
    st.builds(lambda size: (b"\x81\xfe" + size.to_bytes(2), 1009), st.integers(4097, 65535)),
    st.builds(lambda size: (b"\x82\xff" + size.to_bytes(8), 1009), st.integers(65536, 2**63 - 1)),
    st.builds(lambda size: (frame(0x01, b"x" * size) + frame(0x80, b"x" * (4097 - size)), 1009), st.integers(1, 4096)),
)  # fmt: skip
cuts = st.lists(st.floats(0, 1), max_size=4)


def in_pieces(data: bytes, where: list[float]) -> list[bytes]:
    bounds = [0, *sorted(int(share * len(data)) for share in where), len(data)]
    return [data[start:end] for start, end in pairwise(bounds) if end > start]


def examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def log() -> list[str]:
    """The log of the file's own pod, from its start."""
    return []


@pytest.fixture(scope="module")
def pod(share_gateway: StartGateway, log: list[str]) -> Pod:
    """A gateway that is silent by itself: no heartbeat comes between what a test sends and hears."""
    return share_gateway({"BELLWIRE_HEARTBEAT_SECONDS": "60", "BELLWIRE_KEY_HANDSHAKES": "100000"}, log)


def bugs(log: list[str]) -> list[str]:
    return [line for line in log if '"ERROR"' in line or "Traceback" in line]


async def test_a_fault_anywhere_is_answered_with_its_code_and_others_go_on(
    pod: Pod, log: list[str], shop: Shop
) -> None:
    witness = await shop.add_terminal("witness")

    @examples(120)
    @given(st.lists(harmless, max_size=4), faults, st.binary(max_size=200), cuts)
    def holds(before: list[bytes], fault: tuple[bytes, int], after: bytes, where: list[float]) -> None:
        connection = raw_socket(pod, shop.slug, shop.terminal_key)
        with contextlib.suppress(ConnectionError):
            for piece in in_pieces(b"".join(before) + fault[0] + after, where):
                connection.sendall(piece)
        assert close_code(connection) == fault[1]

    async with open_till(pod, shop.slug, witness.key) as till:
        await asyncio.to_thread(holds)
        await shop.order()
        await till.has(1)
    assert bugs(log) == []


async def test_no_bytes_at_all_are_a_bug_of_ours(pod: Pod, log: list[str], shop: Shop) -> None:
    witness = await shop.add_terminal("witness")

    @examples(80)
    @given(st.one_of(st.binary(max_size=400), st.lists(harmless).map(b"".join)), st.data(), cuts)
    def holds(data: bytes, draw: st.DataObject, where: list[float]) -> None:
        noise = bytearray(data)
        for _ in range(draw.draw(st.integers(0, 3)) if noise else 0):
            noise[draw.draw(st.integers(0, len(noise) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
        connection = raw_socket(pod, shop.slug, shop.terminal_key)
        with contextlib.suppress(ConnectionError):
            for piece in in_pieces(bytes(noise), where):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        assert close_code(connection) != 1011

    async with open_till(pod, shop.slug, witness.key) as till:
        await asyncio.to_thread(holds)
        await shop.order()
        await till.has(1)
    assert bugs(log) == []


async def test_a_close_frame_amid_a_message_is_answered_with_its_own_code(gateway: Pod, shop: Shop) -> None:
    def speak() -> int | None:
        connection = raw_socket(gateway, shop.slug, shop.terminal_key)
        connection.sendall(frame(0x01, b"half a mess") + frame(0x88, b"\x03\xe8bye"))
        return close_code(connection)

    assert await asyncio.to_thread(speak) == 1000


async def test_a_ping_amid_a_message_does_not_count_toward_its_size(gateway: Pod, shop: Shop) -> None:
    def speak() -> list[tuple[int, bytes]]:
        connection = raw_socket(gateway, shop.slug, shop.terminal_key)
        connection.sendall(frame(0x01, b" " * 4080) + frame(0x89, b"p" * 125) + frame(0x80, PING_MESSAGE))
        connection.sendall(frame(0x88, b"\x03\xe8"))
        return frames_until_end(connection)

    heard = await asyncio.to_thread(speak)
    assert (0x8A, b"p" * 125) in heard
    assert '"pong"' in "".join(data.decode() for first, data in heard if first == 0x81)
    assert heard[-1] == (0x88, b"\x03\xe8")


async def test_nothing_is_said_after_our_close_frame(gateway: Pod, shop: Shop) -> None:
    def speak() -> list[tuple[int, bytes]]:
        connection = raw_socket(gateway, shop.slug, shop.terminal_key)
        connection.sendall(frame(0x81, b"nonsense") * 5)
        for _ in range(20):
            connection.sendall(frame(0x89, b"still there?") + frame(0x81, PING_MESSAGE))
            time.sleep(0.01)
        connection.sendall(frame(0x88, b"\x03\xe8"))
        return frames_until_end(connection)

    heard = await asyncio.to_thread(speak)
    assert heard[-1][0] == 0x88
    assert code_of(heard[-1][1]) == 4400


async def test_what_comes_ahead_of_the_answer_is_not_answered_ahead_of_it(
    start_gateway: StartGateway, shop: Shop
) -> None:
    log: list[str] = []
    # Its heartbeats end a connection that never answers them.
    pod = start_gateway({}, log)

    def speak() -> bytes:
        with dial(pod) as connection:
            connection.sendall(request(shop.slug, shop.terminal_key) + frame(0x89, b"too early"))
            with connection.makefile("rb") as stream:
                return stream.read()

    assert b"too early" not in await asyncio.to_thread(speak)
    assert bugs(log) == []


@pytest.mark.parametrize(
    "chatter",
    [
        pytest.param(frame(0x89, b"?"), id="pings"),
        pytest.param(frame(0x8A), id="pongs that nobody asked for"),
        pytest.param(frame(0x00), id="empty pieces"),
    ],
)
async def test_a_flood_of_small_frames_ends_like_a_flood_of_messages(
    pod: Pod, shop: Shop, chatter: bytes
) -> None:
    def flood() -> int | None:
        connection = raw_socket(pod, shop.slug, shop.terminal_key)
        connection.sendall(frame(0x01, b"{"))
        with contextlib.suppress(ConnectionError):
            connection.sendall(chatter * 4100)
        return close_code(connection)

    assert await asyncio.to_thread(flood) == 4429


async def test_a_peer_that_never_reads_our_pongs_is_heard_no_further_and_cut(
    start_gateway: StartGateway, shop: Shop
) -> None:
    # Paused long before it has said so much that it would be closed for that.
    pod = start_gateway({"BELLWIRE_SEND_BUFFER_BYTES": "8192", "BELLWIRE_HEARTBEAT_SECONDS": "1"})

    def flood() -> tuple[int, bool]:
        connection = raw_socket(pod, shop.slug, shop.terminal_key, receive_buffer=4096)
        connection.settimeout(0.5)
        sent, stopped, until = 0, False, time.monotonic() + 60
        with connection:
            while time.monotonic() < until:
                try:
                    sent += connection.send(frame(0x89, b"p" * 125) * 50)
                except TimeoutError:
                    stopped = True
                except ConnectionError:
                    return sent, stopped
        raise AssertionError("it is still connected")

    sent, stopped = await asyncio.to_thread(flood)
    assert stopped
    # Our buffers, and the kernel's on both sides of the loopback.
    assert sent < 8 << 20


@pytest.mark.long
async def test_thousands_of_malformed_connections_leave_nothing_behind(pod: Pod, shop: Shop) -> None:
    unfinished = frame(0x01, b"x" * 4000)
    kinds = [
        unfinished + frame(0x81, b"x"),
        unfinished + b"\x80\xfe\x20\x00",
        unfinished + b"\x80\xfe\x0f\x00" + b"x" * 3000,
        unfinished + frame(0x83),
    ]

    def provoke(count: int) -> None:
        for number in range(count):
            connection = raw_socket(pod, shop.slug, shop.terminal_key)
            connection.sendall(kinds[number % len(kinds)])
            if number % len(kinds) == 2:
                connection.close()
            else:
                assert close_code(connection) in (1002, 1009)

    files = open_files(pod.pid)
    # As many as later: what a crowd needs for a while (its readings, until they are written) is there then.
    await asyncio.to_thread(provoke, 2000)
    before = resident_bytes(pod.pid)
    await asyncio.to_thread(provoke, 2000)
    assert await asyncio.to_thread(wait_until, lambda: open_files(pod.pid) <= files + 2, 30)
    # One kept buffer of each would be 8 MB.
    assert resident_bytes(pod.pid) - before < 4 << 20


async def test_a_peer_that_says_close_and_takes_nothing_is_cut(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_SEND_BUFFER_BYTES": "8192", "BELLWIRE_SLOW_SECONDS": "1"})
    for _ in range(20):
        await shop.order(specialInstructions="n" * 20_000)
    stuck = await asyncio.to_thread(
        lambda: raw_socket(pod, shop.slug, shop.terminal_key, receive_buffer=4096)
    )
    with stuck:
        assert peer_holds(stuck)
        stuck.sendall(frame(0x88, b"\x03\xe8"))
        stuck.shutdown(socket.SHUT_WR)
        # Whether it is told by a reset depends on what the gateway had still to read; that its end is gone does not.
        assert await asyncio.to_thread(wait_until, lambda: not peer_holds(stuck), 60)
