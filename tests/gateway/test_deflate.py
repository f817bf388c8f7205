"""Compression: negotiated by the book, once per event, and never a way to fill our memory."""

import asyncio
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode

from backbone.contract.event import Event
from backbone.contract.frames import DEFLATE_FROM_BYTES, deflated_frame, payload_of, text_frame
from backbone.contract.offset import Offset
from gateway.core.encoding import DEFLATED_WEBSOCKET, WEBSOCKET
from gateway.core.tenant_log import entry_of
from infra.local.pods import Pod
from tests.conftest import StartGateway
from tests.gateway.raw import close_code, dial, frame, raw_socket, read_answer, request
from tests.gateway.till import Till, socket_url
from tests.shop import Shop, bearer

OFFER = "Sec-WebSocket-Extensions: permessage-deflate"


@pytest.fixture
def pod(share_gateway: StartGateway) -> Pod:
    """A gateway with compression on."""
    return share_gateway({"BELLWIRE_COMPRESSION": "true"})


def inflated(sent: bytes, window_bits: int = 12) -> bytes:
    """The payload that a reader of RFC 7692 finds in a frame, by another implementation than the one that made it."""
    payload = payload_of(bytes((sent[0] & 0xBF,)) + sent[1:])
    if not sent[0] & 0x40:
        return payload
    return zlib.decompressobj(wbits=-window_bits).decompress(payload + b"\x00\x00\xff\xff")


@given(
    st.one_of(
        st.binary(max_size=3000), st.text(max_size=3000).map(str.encode), st.integers(0, 40_000).map(bytes)
    )
)
def test_a_frame_inflates_to_its_payload_alone_and_is_never_longer_than_the_plain_one(payload: bytes) -> None:
    sent = deflated_frame(payload)
    assert inflated(sent) == payload
    assert len(sent) <= len(text_frame(payload))
    if len(payload) < DEFLATE_FROM_BYTES:
        assert sent == text_frame(payload)
    # And by the library that terminals use, with a decoder that has seen nothing else.
    reader = PerMessageDeflate(True, True, 12, 12)
    raw = payload_of(bytes((sent[0] & 0xBF,)) + sent[1:])
    assert bytes(reader.decode(Frame(Opcode.TEXT, raw, True, bool(sent[0] & 0x40))).data) == payload


def test_an_event_is_compressed_once_for_all_sockets() -> None:
    payload = json.dumps({"items": ["Margherita"] * 60}).encode()
    entry = entry_of(Event(Offset(1, 1), "new_order", 0, payload))
    assert DEFLATED_WEBSOCKET.event(entry) is DEFLATED_WEBSOCKET.event(entry)
    assert len(DEFLATED_WEBSOCKET.event(entry)) < len(WEBSOCKET.event(entry)) / 2
    assert DEFLATED_WEBSOCKET.control(b"{}") == WEBSOCKET.control(b"{}")


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", {"permessage-deflate"}),
        ("permessage-deflate; client_max_window_bits", {"permessage-deflate"}),
        (
            "permessage-deflate; server_max_window_bits=12",
            {"permessage-deflate", "server_max_window_bits=12"},
        ),
        (
            "permessage-deflate; server_max_window_bits=10",
            {"permessage-deflate", "server_max_window_bits=10"},
        ),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", {"permessage-deflate"}),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; unheard_of", None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        ("permessage-bzip2", None),
    ],
)
async def test_an_offer_is_granted_as_the_book_says_or_passed_over(
    pod: Pod, shop: Shop, offer: str, answer: set[str] | None
) -> None:
    def ask() -> str:
        with dial(pod) as connection:
            connection.sendall(request(shop.slug, shop.terminal_key, f"Sec-WebSocket-Extensions: {offer}"))
            return read_answer(connection)

    lines = (await asyncio.to_thread(ask)).split("\r\n")
    assert lines[0].startswith("HTTP/1.1 101")
    granted = [
        line.partition(": ")[2] for line in lines if line.lower().startswith("sec-websocket-extensions")
    ]
    if answer is None:
        assert granted == []
    else:
        always = {"server_no_context_takeover", "client_no_context_takeover"}
        assert set(granted[0].replace(" ", "").split(";")) == answer | always


async def test_unless_told_otherwise_nothing_is_compressed(gateway: Pod, shop: Shop) -> None:
    def ask() -> str:
        with dial(gateway) as connection:
            connection.sendall(request(shop.slug, shop.terminal_key, OFFER))
            return read_answer(connection)

    assert "permessage-deflate" not in await asyncio.to_thread(ask)


@pytest.mark.parametrize(
    ("extension", "compressed"),
    [
        pytest.param(
            ClientPerMessageDeflateFactory(client_max_window_bits=True), True, id="as browsers offer it"
        ),
        pytest.param(ClientPerMessageDeflateFactory(server_max_window_bits=12), True, id="window of 12"),
        pytest.param(
            ClientPerMessageDeflateFactory(server_max_window_bits=9), False, id="window too small to share"
        ),
        pytest.param(None, False, id="no offer"),
    ],
)
async def test_live_and_replayed_events_are_the_same_whether_compressed_or_not(
    pod: Pod, shop: Shop, extension: ClientPerMessageDeflateFactory | None, compressed: bool
) -> None:
    received: list[int] = []

    class Watching(PerMessageDeflate):
        def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
            received.append(bool(frame.rsv1) if frame.opcode is Opcode.TEXT and len(frame.data) > 150 else -1)
            return super().decode(frame, max_size=max_size)

    plain = await shop.add_terminal("plain")
    options: dict[str, Any] = {"compression": None, "extensions": [extension] if extension else None}
    order = {"specialInstructions": "no onions, please, and ring twice " * 8}
    first = await shop.order(**order)
    async with (
        connect(
            socket_url(pod, shop.slug, "?after=0"), additional_headers=bearer(shop.terminal_key), **options
        ) as one,
        connect(
            socket_url(pod, shop.slug, "?after=0"), additional_headers=bearer(plain.key), compression=None
        ) as other,
    ):
        for negotiated in one.protocol.extensions:
            negotiated.__class__ = Watching
        till, witness = Till(one), Till(other)
        await till.until("caught_up")
        second = await shop.order(**order)
        assert await till.has(2) == await witness.has(2)
        assert till.offsets == [first["offset"], second["offset"]]
        await till.say(type="ack", offset=second["offset"], note="compressed by the client " * 40)
        await till.say(type="ping")
        await till.until("pong")
        assert not [message for message in till.said if message["type"] == "error"]
    assert (received.count(True) >= 1) == compressed


async def test_a_message_that_inflates_beyond_the_limit_is_refused(pod: Pod, shop: Shop) -> None:
    bomb = zlib.compressobj(wbits=-15)
    data = (bomb.compress(bytes(3_000_000)) + bomb.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(data) < 4096

    def speak() -> int | None:
        connection = raw_socket(pod, shop.slug, shop.terminal_key, OFFER)
        connection.sendall(frame(0xC1, data))
        return close_code(connection)

    assert await asyncio.to_thread(speak) == 1009


async def test_a_bomb_in_pieces_is_refused_too_and_rubbish_is_a_fault(pod: Pod, shop: Shop) -> None:
    bomb = zlib.compressobj(wbits=-15)
    data = (bomb.compress(bytes(20_000)) + bomb.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def speak(*frames: bytes) -> int | None:
        connection = raw_socket(pod, shop.slug, shop.terminal_key, OFFER)
        connection.sendall(b"".join(frames))
        return close_code(connection)

    half = len(data) // 2
    pieces = frame(0x41, data[:half]), frame(0x80, data[half:])
    assert await asyncio.to_thread(speak, *pieces) == 1009
    assert await asyncio.to_thread(speak, frame(0xC1, b"\xff" * 40)) == 1002
    # Reserved in a piece that is not the first (RFC 7692, 6.1).
    assert await asyncio.to_thread(speak, pieces[0], frame(0xC0, b"")) in (1002, 1009)


async def test_five_messages_compressed_and_not_understood_end_the_connection(pod: Pod, shop: Shop) -> None:
    async with connect(socket_url(pod, shop.slug), additional_headers=bearer(shop.terminal_key)) as socket:
        for _ in range(5):
            await socket.send("nonsense " * 50)
        assert (await Till(socket).closed())[0] == 4400
