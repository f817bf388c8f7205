"""Each door's way of writing: whatever is said comes out again, as the door's own standard reads it."""

import zlib

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backbone.contract import frames, sse
from backbone.contract.event import Event, EventType, encode_event
from backbone.contract.frames import DEFLATE_WINDOW_BITS, PING_FRAME
from backbone.contract.offset import Offset
from gateway.core.encoding import DEFLATED_WEBSOCKET, ENCODINGS, EVENT_STREAM, WEBSOCKET, Encoding
from gateway.core.tenant_log import entry_of

OFFSETS = st.builds(Offset, st.integers(1, 999), st.integers(1, 10**9))
NOTES = st.text() | st.text(alphabet="ab ", min_size=200, max_size=2000) | st.text(min_size=300, max_size=800)
EVENTS = st.builds(
    lambda offset, type_, notes: Event(
        offset,
        type_.value,
        1_700_000_000_000,
        encode_event("kitchen", offset, type_.value, 1_700_000_000_000, orjson.dumps({"notes": notes})),
    ),
    OFFSETS,
    st.sampled_from(list(EventType)),
    NOTES,
)
CONTROLS = st.one_of(
    st.builds(frames.hello, st.just("kitchen"), st.just("t1"), OFFSETS, OFFSETS, st.booleans(), st.just(20)),
    st.builds(frames.caught_up, OFFSETS),
    st.builds(frames.pong, OFFSETS),
    st.builds(frames.reset, OFFSETS, st.sampled_from(["retention", "epoch", "unknown_offset"])),
    st.builds(frames.error, st.just("bad-json"), st.text(max_size=200)),
)


def of_frame(data: bytes) -> bytes:
    """The payload of the one text frame that `data` is (RFC 6455, 5.2; RFC 7692, 7.2.2 for RSV1)."""
    assert data[0] in (0x81, 0xC1)
    size = {126: 2, 127: 8}.get(data[1], 0)
    payload = data[2 + size :]
    assert len(payload) == (int.from_bytes(data[2 : 2 + size]) if size else data[1])
    if data[0] == 0x81:
        return payload
    return zlib.decompressobj(wbits=-DEFLATE_WINDOW_BITS).decompress(payload + b"\x00\x00\xff\xff")


def of_chunk(data: bytes) -> dict[str, str]:
    """The fields of the one server-sent event in the one chunk that `data` is (RFC 9112, 7.1)."""
    size, _, rest = data.partition(b"\r\n")
    body = rest[: int(size, 16)]
    assert rest == body + b"\r\n"
    assert body.endswith(b"\n\n")
    lines = body.decode().removesuffix("\n\n").split("\n")
    assert len(lines) == len({line.partition(":")[0] for line in lines})
    return {name: text.removeprefix(" ") for name, _, text in (line.partition(":") for line in lines)}


def said(door: Encoding, data: bytes) -> bytes:
    return of_chunk(data)["data"].encode() if door is EVENT_STREAM else of_frame(data)


@pytest.mark.parametrize("door", ENCODINGS)
@given(event=EVENTS)
def test_an_event_arrives_byte_for_byte_at_every_door(door: Encoding, event: Event) -> None:
    assert said(door, door.event(entry_of(event))) == event.payload


@given(event=EVENTS)
def test_what_is_built_once_is_handed_out_again(event: Event) -> None:
    entry = entry_of(event)
    assert all(door.event(entry) is door.event(entry) for door in ENCODINGS)


@given(event=EVENTS)
def test_compression_never_makes_an_event_longer(event: Event) -> None:
    entry = entry_of(event)
    assert len(DEFLATED_WEBSOCKET.event(entry)) <= len(WEBSOCKET.event(entry))


@given(st.binary(max_size=3000))
@example(bytes(range(256)))
def test_whatever_bytes_an_event_is_its_compressed_frame_means_them(payload: bytes) -> None:
    frame = frames.deflated_frame(payload)
    assert of_frame(frame) == payload
    assert len(frame) <= len(frames.text_frame(payload))


@given(event=EVENTS)
def test_a_streams_event_carries_its_offset_and_its_type(event: Event) -> None:
    fields = of_chunk(EVENT_STREAM.event(entry_of(event)))
    assert (fields["id"], fields["event"]) == (str(event.offset), event.type)


@pytest.mark.parametrize("door", ENCODINGS)
@given(payload=CONTROLS)
def test_a_control_message_arrives_at_every_door_and_never_with_an_id(door: Encoding, payload: bytes) -> None:
    data = door.control(payload)
    assert said(door, data) == payload
    if door is EVENT_STREAM:
        assert of_chunk(data).keys() == {"event", "data"}
        assert of_chunk(data)["event"] == orjson.loads(payload)["type"]


@pytest.mark.parametrize("door", ENCODINGS)
@given(head=OFFSETS)
def test_a_heartbeat_says_the_head_and_asks_for_an_answer_where_one_can_come(
    door: Encoding, head: Offset
) -> None:
    data = door.heartbeat(head)
    assert data.endswith(PING_FRAME) == door.answers_pings
    message = orjson.loads(said(door, data.removesuffix(PING_FRAME) if door.answers_pings else data))
    assert message == {"type": "heartbeat", "head": str(head)}


@given(st.integers(1000, 4999), st.integers(0, 600_000) | st.sampled_from(["", "soon", "-1"]))
def test_the_end_of_a_stream_says_why_and_when_to_come_back_if_that_is_known(
    code: int, retry: int | str
) -> None:
    reason = f"retry_ms={retry}" if retry != "" else "bye"
    fields = of_chunk(sse.close_chunk(code, reason))
    assert orjson.loads(fields["data"]) == {"type": "close", "code": code, "reason": reason}
    assert fields.get("retry") == (str(retry) if isinstance(retry, int) else None)
