"""A plain handshake is decided on without a router: whatever is asked, both ways give the same answer, to the byte.

A request goes the long way as soon as a header of no meaning is in it twice; that is what is compared with.
"""

import asyncio
import base64
import contextlib
import json
import random
import re
import struct
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.http11 import Request

from gateway.transport.plain_handshake import UpgradeAnswers, read_plain
from gateway.transport.websocket_parser import Parser
from infra.local.pods import Pod
from tests.conftest import OpenShop, StartGateway
from tests.gateway.raw import MASK
from tests.shop import Operator, Shop

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ODD = [("X-Odd", "1"), ("X-Odd", "1")]
PAIRS = 240
AT_ONCE = 6
PAGE = "https://till.example"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, bad in no way until something is changed. A header that is None is left out."""

    path: str
    method: str = "GET"
    version: str = "1.1"
    query: str = ""
    fields: dict[str, str | None] = field(default_factory=dict)
    more: tuple[tuple[str, str], ...] = ()

    def read_by(self, *odd: tuple[str, str]) -> bytes:
        """Its bytes, with some headers more."""
        lines = [f"{self.method} {self.path}{self.query} HTTP/{self.version}"]
        headers = [(name, value) for name, value in self.fields.items() if value is not None]
        lines += [f"{name}: {value}" for name, value in (*headers, *self.more, *odd)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def plain(shop: Shop) -> Asked:
    """A request as a till asks it."""
    fields: dict[str, str | None] = {
        "Host": "till.example",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Protocol": None,
        "Origin": None,
        "Authorization": f"Bearer {shop.terminal_key}",
        "User-Agent": "till/1",
    }
    return Asked(f"/ws/pos/{shop.slug}", fields=fields)


def changes(shop: Shop, other: Shop, operator: Operator) -> list[dict[str, Any]]:
    """The ways in which a request may differ from a plain one, a field each, or a word of the first line."""
    key, offers = shop.terminal_key, "Sec-WebSocket-Protocol"
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    words: dict[str, list[str | None]] = {
        "Upgrade": ["WebSocket", "h2c", "websocket, h2c", "", None],
        "Connection": ["upgrade", "keep-alive, Upgrade", "UPGRADE", "close", "keep-alive", "Upgrade, Upgrade", None],
        "Sec-WebSocket-Version": ["8", "13, 8", "", " 13 ", None],
        "Sec-WebSocket-Key": ["", "short", KEY[:-1], KEY + "A", "!" * 22 + "==", KEY[:21] + "R==", f" {KEY} ", None],
        "Authorization": [
            "", "Bearer", "Bearer ", f"Basic {key}", f"bearer {key}", f"Bearer  {key} ", f"Bearer {wrong}",
            "Bearer nonsense", f"Bearer {shop.storefront_key}", f"Bearer {operator.key}",
            f"Bearer {other.terminal_key}", None,
        ],
        "Origin": ["http://till.example", PAGE, "https://evil.example", "null", ""],
        offers: [
            "bellwire.v1", "bellwire.v1, bellwire.codes", "bellwire.v1,bellwire.codes", "chat", "", ",", "a b", "a;b",
            f"bellwire.v1, bearer.{key}", f"bearer.{key}, bearer.{wrong}", "bellwire.v1, , bellwire.codes",
            f"bellwire.v1, bellwire.codes, bearer.{wrong}",
        ],
        "Host": [None, "", "else.example"],
        "User-Agent": [None, "", "t\xfcll", "x" * 3000, "x" * 9000],
    }  # fmt: skip
    queries = [
        "?", "?after=0", "?after=acked", "?after=1-0", "?after=9-9", "?after=x", "?after=", "?after=0&after=0",
        "?types=new_order", "?types=nothing", "?types=", "?stations=bar,grill&categories=hot", "?stations=,",
        "?stations=B%C3%A4r", "?nonsense=1", "?key=" + key, "?ticket=" + key, "?ticket=bw_tick_x", "?ticket=",
        "?after=0#fragment", "?after=0?after=1", "?after=%30", "?" + "a" * 3000,
    ]  # fmt: skip
    paths = [
        f"/ws/pos/{other.slug}", "/ws/pos/no-such-tenant", "/ws/pos/", "/ws/pos", f"/ws/pos/{shop.slug}/", "/",
        f"/ws/pos/{shop.slug.upper()}", f"/ws//pos/{shop.slug}", f"/ws/pos/%{ord(shop.slug[0]):x}{shop.slug[1:]}",
        f"/sse/pos/{shop.slug}", f"http://till.example/ws/pos/{shop.slug}", "/ws/pos/" + "a" * 200,
    ]  # fmt: skip
    more = [
        ("Authorization", f"Bearer {key}"), ("Origin", PAGE), ("Content-Length", "0"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"), ("Expect", "100-continue"),
        ("X-Forwarded-For", "10.0.0.1, 10.0.0.2"), ("X:", "y"), ("X Y", "z"), ("Sec-WebSocket-Key", KEY),
    ]  # fmt: skip
    return [
        *({"fields": {name: value}} for name, values in words.items() for value in values),
        *({"query": query} for query in queries),
        *({"path": path} for path in paths),
        *({"more": (each,)} for each in more),
        *({"method": method} for method in ("POST", "OPTIONS", "get")),
        *({"version": version} for version in ("1.0", "2.0")),
        {"more": tuple((f"X-{number}", "1") for number in range(150))},
    ]


def changed(asked: Asked, *some: dict[str, Any]) -> Asked:
    """The request with changes in it."""
    for change in some:
        fields = {**asked.fields, **change.get("fields", {})}
        asked = replace(asked, **{**change, "fields": fields})
    return asked


async def answer_of(pod: Pod, request: bytes) -> bytes:
    """All that is answered, up to `caught_up` or the end, without what differs by the clock and by chance."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port, local_addr=("127.55.0.20", 0))
    writer.write(request)
    heard = b""
    try:
        async with asyncio.timeout(20):
            while not is_whole(heard) and (piece := await reader.read(65536)):
                heard += piece
    except ConnectionError:
        heard += b"(reset)"
    except TimeoutError:
        heard += b"(and nothing else)"
    writer.transport.abort()
    heard = re.sub(rb"(?i)\r\ndate: [^\r]*", b"", heard)
    return re.sub(rb'"reading":"[^"]*"', b"", heard)


def is_whole(heard: bytes) -> bool:
    """Whether nothing else is to come, as far as a test waits for it."""
    head, blank, rest = heard.partition(b"\r\n\r\n")
    if not blank:
        return False
    if head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
        closed = rest[:1] == b"\x88" and len(rest) == 2 + rest[1]
        return closed or b'"caught_up"' in rest
    length = re.search(rb"(?i)content-length: ([0-9]+)", head)
    return length is not None and len(rest) >= int(length[1])


async def test_whatever_is_asked_both_ways_answer_alike(
    start_gateway: StartGateway, open_shop: OpenShop, operator: Operator
) -> None:
    pod = start_gateway(
        {
            "BELLWIRE_KEY_HANDSHAKES": "10000",
            "BELLWIRE_STRANGER_RATE": "10000",
            "BELLWIRE_STRANGER_LOOKUPS": "10000",
            "BELLWIRE_ALLOWED_ORIGINS": json.dumps([PAGE]),
            "BELLWIRE_HEARTBEAT_SECONDS": "60",
        }
    )
    other = await open_shop()
    chance = random.Random(20)
    answers: list[bytes] = []

    async def walk(number: int) -> None:
        shop = await open_shop()
        every = changes(shop, other, operator)
        # Each by itself, and then some together.
        for change in every[number::AT_ONCE]:
            await compare(changed(plain(shop), change))
        for _ in range(PAIRS // AT_ONCE):
            await compare(changed(plain(shop), *chance.sample(every, chance.choice((2, 2, 3)))))

    async def compare(asked: Asked) -> None:
        short = await answer_of(pod, asked.read_by())
        long = await answer_of(pod, asked.read_by(*ODD))
        assert short == long, asked
        answers.append(short)

    async with asyncio.TaskGroup() as all_:
        for number in range(AT_ONCE):
            all_.create_task(walk(number))
    # The walk came by what it is about.
    statuses = {answer[9:12] for answer in answers}
    assert statuses >= {b"101", b"400", b"401", b"403", b"404", b"426"}
    assert any(b"X-Bellwire-Refused" in answer for answer in answers)


async def test_who_asks_too_often_is_told_alike(start_gateway: StartGateway, shop: Shop) -> None:
    pod = start_gateway({"BELLWIRE_KEY_HANDSHAKES": "1", "BELLWIRE_STRANGER_RATE": "1"})
    for asked in (plain(shop), changed(plain(shop), {"fields": {"Authorization": None}})):
        for _ in range(12):
            await answer_of(pod, asked.read_by())
        short, long = await answer_of(pod, asked.read_by()), await answer_of(pod, asked.read_by(*ODD))
        assert short.startswith(b"HTTP/1.1 429 ")
        assert short == long


async def test_the_answer_and_the_first_messages_are_one_piece(gateway: Pod, shop: Shop) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(plain(shop).read_by())
    # One write of the other end is there at once, or not at all.
    piece = await reader.read(65536)
    assert piece.startswith(b"HTTP/1.1 101 ")
    assert b'"type":"hello"' in piece
    assert b'"type":"caught_up"' in piece
    # And it is a WebSocket from then on: a ping is answered, a Close frame ends it.
    writer.write(b"\x89\x82" + MASK + bytes(a ^ b for a, b in zip(b"hi", MASK, strict=False)))
    heard = await reader.readuntil(b"\x8a\x02hi")
    assert heard.endswith(b"\x8a\x02hi")
    goodbye = struct.pack("!H", 1000)
    writer.write(b"\x88\x82" + MASK + bytes(a ^ b for a, b in zip(goodbye, MASK, strict=False)))
    assert (await reader.read()).endswith(b"\x88\x02" + goodbye)
    writer.close()


async def test_bytes_ahead_of_the_answer_end_a_plain_handshake(
    start_gateway: StartGateway, shop: Shop
) -> None:
    log: list[str] = []
    pod = start_gateway({}, log)
    for seconds in (0.0, 0.001, 0.003):
        reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
        writer.write(plain(shop).read_by())
        await asyncio.sleep(seconds)
        writer.write(b"\x89\x80" + MASK)
        async with asyncio.timeout(10):
            try:
                # Cut, or open already and answered; never half of each.
                piece = await reader.read(65536)
                assert piece == b"" or piece.startswith(b"HTTP/1.1 101 ")
            except ConnectionError:
                pass
        writer.transport.abort()
    assert not [line for line in log if "socket.bug" in line]


@pytest.mark.parametrize("odd", [[], ODD])
async def test_bytes_that_come_with_a_handshake_end_it_as_those_that_come_behind_it_do(
    gateway: Pod, shop: Shop, odd: list[tuple[str, str]]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(plain(shop).read_by(*odd) + b"\x89\x80" + MASK)
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.transport.abort()


NAMES = st.sampled_from(
    ["connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol", "origin", "host",
     "content-length", "transfer-encoding", "x-a", "x b", "", "sec-websocket-extensions"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ["Upgrade", "upgrade", "keep-alive, Upgrade", "websocket", "WebSocket", "13", KEY, KEY[:21] + "B==", "a, b",
         "a", "", "a,,b", "a;q", " a", "a ", "0", "5", "permessage-deflate", "nonsense;;", "\t",
         "a\tb", "\xe4", "a\nb", "a\x00"]
    ),
    st.binary(min_size=16, max_size=16).map(lambda key: base64.b64encode(key).decode()),
    st.text(st.characters(max_codepoint=255), max_size=8),
)  # fmt: skip
GOOD = {
    "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": KEY, "sec-websocket-version": "13",
    "host": "till",
}  # fmt: skip


@settings(max_examples=400)
@given(
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sets(st.sampled_from(sorted(GOOD)), max_size=1),
    st.one_of(st.just("/ws/pos/shop-1?after=0"), st.text(st.characters(max_codepoint=255), max_size=12)),
    st.booleans(),
)
def test_what_is_read_as_plain_is_what_the_library_would_have_let_in_with_the_same_answer(
    other: dict[str, str], without: set[str], target: str, deflate: bool
) -> None:
    headers = {name: value for name, value in (GOOD | other).items() if name not in without or name in other}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    found = read_plain(target.encode("latin-1"), raw, "1.1", deflate=deflate)
    if found is None:
        assert other or without or target != "/ws/pos/shop-1?after=0"
        return
    # As uvicorn hands a request over.
    parser = Parser(4096, deflate=deflate)
    lines = [
        b"GET " + target.encode("latin-1") + b" HTTP/1.1",
        *(name + b": " + value for name, value in raw),
    ]
    parser.receive_data(b"\r\n".join([*lines, b"", b""]))
    (request,) = parser.events_received()
    assert isinstance(request, Request)
    answer = parser.accept(request)
    del answer.headers["Date"]
    ours = re.sub(rb"Date: [^\r]*\r\n", b"", UpgradeAnswers().to(found.key, None, 1e9))
    assert ours == answer.serialize()
    assert found.tenant == "shop-1"
    assert parser.extensions == []
