"""Frames that are read without a parser mean what the parser says they mean, wherever the stream is cut."""

import asyncio
import gc
import itertools
import weakref
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from gateway.core import plain_frames
from gateway.transport.websocket import EXTENSION, WebSocketProtocol
from tests.gateway.stage import REQUEST

MAX_BYTES = 4096
payloads = st.binary(max_size=140)
texts = st.text(max_size=60).map(str.encode)


def control(opcode: Opcode) -> Any:
    return st.binary(max_size=125).map(lambda data: [Frame(opcode, data)])


@st.composite
def fragmented(draw: st.DrawFn) -> list[Frame]:
    """A message in pieces, with pings between them."""
    pieces = draw(st.lists(texts, min_size=2, max_size=4))
    frames = []
    for number, piece in enumerate(pieces):
        frames.append(Frame(Opcode.CONT if number else Opcode.TEXT, piece, fin=number == len(pieces) - 1))
        if number < len(pieces) - 1 and draw(st.booleans()):
            frames.append(Frame(Opcode.PING, b"between"))
    return frames


messages = st.one_of(
    texts.map(lambda data: [Frame(Opcode.TEXT, data)]),
    payloads.map(lambda data: [Frame(Opcode.BINARY, data)]),
    control(Opcode.PING),
    control(Opcode.PONG),
    fragmented(),
)
streams = st.lists(messages, max_size=8).map(lambda groups: list(itertools.chain.from_iterable(groups)))


@st.composite
def lawful(draw: st.DrawFn) -> Frame:
    """Any frame that may be sent: control frames are short and whole."""
    opcode = draw(st.sampled_from(Opcode))
    if opcode >= Opcode.CLOSE:
        return Frame(opcode, draw(st.binary(max_size=125)))
    return Frame(opcode, draw(payloads), fin=draw(st.booleans()))


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(frame=lawful(), before=st.binary(max_size=9))
def test_a_plain_frame_is_read_as_it_was_meant_and_any_other_is_left_alone(
    frame: Frame, before: bytes
) -> None:
    serialized = frame.serialize(mask=True)
    taken = plain_frames.take(before + serialized + b"more", len(before))
    valid = frame.opcode is not Opcode.TEXT or is_utf8(bytes(frame.data))
    plain_kind = frame.opcode in (Opcode.TEXT, Opcode.PING, Opcode.PONG)
    if frame.fin and len(frame.data) <= 125 and plain_kind and valid:
        assert taken == (0x80 | frame.opcode, frame.data, len(before) + len(serialized))
    else:
        assert taken is None


@given(
    data=st.binary(max_size=200) | payloads.map(lambda data: Frame(Opcode.TEXT, data).serialize(mask=True))
)
def test_of_any_bytes_at_all_what_is_taken_the_parser_would_have_taken(data: bytes) -> None:
    taken = plain_frames.take(data, 0)
    if taken is not None:
        parser = ServerProtocol(state=OPEN)
        parser.receive_data(data[: taken.end])
        (frame,) = cast("list[Frame]", parser.events_received())
        assert parser.parser_exc is None
        assert (0x80 | frame.opcode, bytes(frame.data)) == (taken.kind, taken.payload)


@given(data=st.binary(max_size=125))
def test_a_pong_is_what_the_library_would_send(data: bytes) -> None:
    assert plain_frames.pong(data) == Frame(Opcode.PONG, data).serialize(mask=False)


@dataclass
class Notes:
    """A listener that only listens."""

    messages: list[tuple[bytes, bool]] = field(default_factory=list)
    pongs: int = 0
    code: int | None = None

    def on_message(self, data: bytes, is_text: bool) -> None:
        self.messages.append((data, is_text))

    def on_pong(self) -> None:
        self.pongs += 1

    def on_other_frame(self) -> None:
        pass

    def on_paused(self) -> None:
        pass

    def on_writable(self) -> None:
        pass

    def on_closing(self, code: int) -> None:
        self.code = code


def meant(frames: list[Frame]) -> Notes:
    """The calls that a listener is to hear of these frames."""
    notes, pieces, is_text = Notes(), b"", True
    for frame in frames:
        if frame.opcode is Opcode.PONG:
            notes.pongs += 1
        elif frame.opcode is not Opcode.PING:
            if frame.opcode is not Opcode.CONT:
                pieces, is_text = b"", frame.opcode is Opcode.TEXT
            pieces += frame.data
            if frame.fin:
                notes.messages.append((pieces, is_text))
    return notes


async def conversation(
    pieces: list[bytes], *, deaf_seconds: float = 0, late: bytes = b""
) -> tuple[Notes, bytes]:
    """Send the pieces, one by one, to a real socket; returns what its listener heard, and all that was answered."""
    notes = Notes()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if deaf_seconds:
            await asyncio.sleep(deaf_seconds)
        scope["extensions"][EXTENSION].attach(notes)

    config = Config(
        cast("Any", app), interface="asgi3", proxy_headers=False, ws_max_size=MAX_BYTES, lifespan="off", log_config=None
    )  # fmt: skip
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(lambda: WebSocketProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(REQUEST.format(tenant="a").encode())
    await reader.readuntil(b"\r\n\r\n")
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.sleep(2 * deaf_seconds)
    writer.write(late + Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
    async with asyncio.timeout(20):
        answered = await reader.read()
    writer.close()
    server.close()
    return notes, answered


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


@settings(max_examples=150, deadline=None)
@given(frames=streams, places=st.lists(st.integers(0, 2000), max_size=6))
def test_wherever_a_stream_is_cut_its_listener_hears_every_message_once_and_its_pings_are_answered(
    frames: list[Frame], places: list[int]
) -> None:
    data = b"".join(frame.serialize(mask=True) for frame in frames)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        notes, answered = runner.run(conversation(cut(data, places)))
    expected = meant(frames)
    assert (notes.messages, notes.pongs) == (expected.messages, expected.pongs)
    pongs = b"".join(
        Frame(Opcode.PONG, frame.data).serialize(mask=False)
        for frame in frames
        if frame.opcode is Opcode.PING
    )
    assert answered == pongs + Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False)
    assert notes.code == 1000


def test_a_peer_that_said_much_before_anybody_listened_is_heard_on_from_the_very_byte() -> None:
    words = [Frame(Opcode.TEXT, b"%d" % number).serialize(mask=True) for number in range(4)]
    early, late = [b"".join(words[:3]) + words[3][:4]], words[3][4:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        notes, _ = runner.run(conversation(early, deaf_seconds=0.3, late=late))
    assert notes.messages == [(b"%d" % number, True) for number in range(4)]
    assert notes.code == 1000


class Guest(Notes):
    """A listener that knows its connection, as a session does."""

    socket: WebSocketProtocol


async def ended(*, politely: bool) -> "weakref.ref[Guest]":
    """A guest whose connection has begun and ended, one way or the other."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    guests: list[weakref.ref[Guest]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        guest = Guest()
        guest.socket = scope["extensions"][EXTENSION]
        guest.socket.attach(guest)
        guests.append(weakref.ref(guest))

    class Watched(WebSocketProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            gone.set()

    config = Config(
        cast("Any", app), interface="asgi3", proxy_headers=False, ws_max_size=MAX_BYTES, lifespan="off", log_config=None
    )  # fmt: skip
    config.load()
    state = ServerState()
    server = await loop.create_server(lambda: Watched(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(REQUEST.format(tenant="a").encode())
    await reader.readuntil(b"\r\n\r\n")
    if politely:
        writer.write(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
        await reader.read()
    else:
        # Unread bytes of ours: the kernel resets the connection.
        writer.transport.abort()
    async with asyncio.timeout(20):
        await gone.wait()
    writer.close()
    server.close()
    return guests[0]


@pytest.mark.parametrize("politely", [True, False])
def test_a_connection_that_has_ended_leaves_nothing_for_the_collector(politely: bool) -> None:
    async def play() -> None:
        guest = await ended(politely=politely)
        for _ in range(5):
            await asyncio.sleep(0)
        assert guest() is None

    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(play())
    finally:
        gc.enable()
