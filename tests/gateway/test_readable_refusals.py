"""Refusals that a page can read: opened, closed with a code and a reason, silent otherwise, gone within a second."""

import asyncio
import contextlib
import time
from typing import Any, cast

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from backbone.contract.errors import CloseCode, Problem, Refused, TooMany, Unavailable, Violation
from gateway.transport.readable_refusal import AT_ONCE, ReadableRefusals, close_of, is_handshake_key
from infra.local.pods import Pod
from tests.conftest import OpenShop, StartGateway
from tests.gateway.raw import dial, frame, frames_until_end, read_answer, request
from tests.gateway.till import open_till, refusal, socket_url
from tests.shop import Operator, Shop, bearer

CODES = ["bellwire.v1", "bellwire.codes"]


async def told(pod: Pod, tenant: str, key: str | None, query: str = "", **options: Any) -> tuple[int, str]:
    """The code and the reason that a page sees."""
    offered = [*CODES, *([] if key is None else [f"bearer.{key}"])]
    async with connect(
        socket_url(pod, tenant, query), subprotocols=cast("Any", offered), proxy=None, **options
    ) as socket:
        assert socket.subprotocol == "bellwire.v1"
        try:
            raise AssertionError(f"{await socket.recv()!r} was sent")
        except ConnectionClosed as exc:
            assert exc.rcvd is not None
            return exc.rcvd.code, exc.rcvd.reason


async def metric(pod: Pod, name: str) -> float:
    """The sum of a metric's samples."""
    async with httpx.AsyncClient() as http:
        page = (await http.get(f"{pod.url}/metrics")).text
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name))


async def test_a_page_is_told_by_code_what_others_are_told_by_status(
    gateway: Pod, shop: Shop, open_shop: OpenShop, operator: Operator
) -> None:
    other = await open_shop()
    key = shop.terminal_key
    closed = await metric(gateway, "bellwire_gateway_closed_total")
    refused = await metric(gateway, "bellwire_gateway_handshakes_refused_total")
    assert await told(gateway, shop.slug, None) == (4401, "unauthorized")
    assert await told(gateway, shop.slug, "nonsense") == (4401, "unauthorized")
    assert await told(gateway, shop.slug, shop.storefront_key) == (4403, "forbidden")
    assert await told(gateway, shop.slug, operator.key) == (4403, "forbidden")
    assert await told(gateway, shop.slug, key, origin="https://evil.example") == (4403, "origin-not-allowed")
    assert await told(gateway, other.slug, key) == (4404, "not-found")
    assert await told(gateway, f"{shop.slug}/", key) == (4404, "not-found")
    assert await told(gateway, shop.slug, key, "?after=x") == (4400, "bad-request")
    assert await told(gateway, shop.slug, key, "?since=1-1") == (4400, "bad-request")
    assert await told(gateway, shop.slug, None, f"?key={key}") == (4400, "key-in-query")
    assert await metric(gateway, "bellwire_gateway_closed_total") == closed
    assert await metric(gateway, "bellwire_gateway_handshakes_refused_total") == refused + 10


@pytest.mark.parametrize("offered", [["bellwire.codes"], ["bellwire.v1"], ["bellwire.v1", "Bellwire.codes"]])
async def test_one_that_does_not_offer_both_words_gets_the_http_answer(
    gateway: Pod, shop: Shop, offered: list[str]
) -> None:
    status, _ = await refusal(gateway, shop.slug, subprotocols=offered)
    assert status == 401


async def test_a_page_that_may_come_in_is_let_in_and_never_answered_with_the_word(
    gateway: Pod, shop: Shop
) -> None:
    offered = cast("Any", ["bellwire.codes", f"bearer.{shop.terminal_key}", "bellwire.v1"])
    async with connect(socket_url(gateway, shop.slug), subprotocols=offered, proxy=None) as socket:
        assert socket.subprotocol == "bellwire.v1"
        assert '"hello"' in str(await socket.recv())


@pytest.mark.parametrize("settings", [{"BELLWIRE_MAX_SOCKETS": "1"}], ids=["full"])
async def test_a_full_gateway_tells_when_to_come_back_before_a_handshake_has_cost_anything(
    start_gateway: StartGateway, shop: Shop, settings: dict[str, str]
) -> None:
    pod = start_gateway(settings)
    second = await shop.add_terminal("second")
    async with open_till(pod, shop.slug, shop.terminal_key):
        assert await told(pod, shop.slug, second.key) == (4503, "unavailable retry_ms=2000")
        assert (await refusal(pod, shop.slug, additional_headers=bearer(second.key)))[0] == 503
        # The words alone do not make a handshake.
        raw = request(shop.slug, second.key, "Sec-WebSocket-Protocol: bellwire.v1, bellwire.codes")
        with dial(pod) as connection:
            connection.sendall(raw.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"))
            assert read_answer(connection).startswith("HTTP/1.1 503 ")
        await asyncio.to_thread(stays_silent_and_is_cut, pod, raw)


async def test_nothing_else_is_sent_and_a_peer_that_does_not_go_is_cut_in_a_second(
    gateway: Pod, shop: Shop
) -> None:
    raw = request(shop.slug, "nonsense", "Sec-WebSocket-Protocol: bellwire.v1, bellwire.codes")
    await asyncio.to_thread(stays_silent_and_is_cut, gateway, raw)


def stays_silent_and_is_cut(pod: Pod, raw: bytes) -> None:
    """The peer hears a Close frame and no more, and is cut a second later, whatever it says."""
    with dial(pod) as connection:
        connection.sendall(raw)
        assert read_answer(connection).startswith("HTTP/1.1 101 ")
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for _ in range(3):
                connection.sendall(frame(0x89, b"are you there?") + frame(0x81, b'{"type":"ping"}'))
                time.sleep(0.05)
        assert [first for first, _ in frames_until_end(connection)] == [0x88]
        assert 0.5 < time.monotonic() - began < 5
    with dial(pod) as connection:
        connection.sendall(raw)
        read_answer(connection)
        began = time.monotonic()
        # One that says Close as well is parted with at once.
        connection.sendall(frame(0x88, b"\x03\xe8"))
        assert [first for first, _ in frames_until_end(connection)] == [0x88]
        assert time.monotonic() - began < 0.9


async def test_beyond_a_hundred_at_once_the_answer_is_http(share_gateway: StartGateway, shop: Shop) -> None:
    pod = share_gateway({})
    raw = request(shop.slug, "nonsense", "Sec-WebSocket-Protocol: bellwire.v1, bellwire.codes")

    def crowd() -> list[str]:
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(dial(pod)) for _ in range(AT_ONCE + 30)]
            for connection in connections:
                connection.sendall(raw)
            return [read_answer(connection).split()[1] for connection in connections]

    statuses = await asyncio.to_thread(crowd)
    assert set(statuses) == {"101", "401"}
    # On a slow machine the first ones are gone before the last ones come.
    assert statuses.count("101") >= AT_ONCE
    await asyncio.sleep(1.5)
    assert await told(pod, shop.slug, "nonsense") == (4401, "unauthorized")


class Link:
    """A transport, as far as it is asked here."""

    def __init__(self) -> None:
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed


def test_so_many_are_admitted_as_may_be_and_one_more_for_each_that_has_gone() -> None:
    refusals = ReadableRefusals(3)
    links = [Link() for _ in range(6)]
    admitted = [refusals.admit(cast("Any", link)) for link in links[:4]]
    assert admitted == [True, True, True, False]
    links[1].closed = True
    assert refusals.admit(cast("Any", links[4]))
    assert not refusals.admit(cast("Any", links[5]))


@pytest.mark.parametrize("problem", list(Problem))
def test_a_code_is_four_thousand_and_the_status_where_there_is_one_and_only_two_say_when_to_come_back(
    problem: Problem,
) -> None:
    for error in (Refused(problem, "no"), Violation(problem, "no")):
        close = close_of(error)
        if problem.status in (400, 401, 403, 404, 429, 503):
            assert close == (4000 + problem.status, problem.code)
        else:
            assert close is None
    assert close_of(TooMany(5, 10, 7)) == (CloseCode.TOO_MANY_MESSAGES, "too-many-requests retry_ms=7000")
    assert close_of(Unavailable("x", 3)) == (CloseCode.UNAVAILABLE, "unavailable retry_ms=3000")


@pytest.mark.parametrize(
    "key", ["", "short", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZSE=", "*" * 24, "é" * 24]
)
def test_what_is_not_sixteen_bytes_is_no_handshakes_key(key: str) -> None:
    assert not is_handshake_key(key)
    assert is_handshake_key("dGhlIHNhbXBsZSBub25jZQ==")
