"""The contract's values: what is written can be read, and what is not of the form is refused."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backbone.contract import frames
from backbone.contract.errors import CloseCode, Violation
from backbone.contract.event import (
    Event,
    EventType,
    NamesUnknown,
    decode_live,
    encode_event,
    encode_live,
    encode_live_before,
    parse_types,
)
from backbone.contract.keys import KeyKind, hash_key, looks_like_key, make_key
from backbone.contract.offset import BEGINNING, Offset, parse_after
from backbone.contract.slug import is_slug

EPOCHS = st.integers(0, 999_999_999)
SEQS = st.integers(0, 10**18 - 1)
OFFSETS = st.builds(Offset, EPOCHS, SEQS)


@given(OFFSETS)
def test_an_offset_reads_back_as_it_was_written(offset: Offset) -> None:
    assert Offset.parse(str(offset)) == offset


@given(OFFSETS, OFFSETS)
def test_offsets_are_ordered_by_epoch_then_seq(one: Offset, other: Offset) -> None:
    assert (one < other) == ((one.epoch, one.seq) < (other.epoch, other.seq))


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "01-1", "1-01", "1-1 ", "a-b", "1--1", "1-1-1", "١-١", "9" * 40]
)
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(Violation):
        Offset.parse(text)


@given(st.text(max_size=12))
def test_any_other_text_is_refused_or_means_itself(text: str) -> None:
    try:
        offset = Offset.parse(text)
    except Violation:
        return
    assert str(offset) == text


def test_after_is_absent_zero_or_an_offset() -> None:
    assert parse_after(None) is None
    assert parse_after("0") == BEGINNING
    assert parse_after("1-42") == Offset(1, 42)
    with pytest.raises(Violation) as caught:
        parse_after("yesterday")
    assert [error.loc for error in caught.value.errors] == ["after"]


names = st.frozensets(
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=","), min_size=1, max_size=64),
    max_size=5,
)


@given(
    OFFSETS, st.sampled_from(list(EventType)), st.integers(0, 10**13), st.binary(max_size=200), names, names
)
def test_a_live_message_carries_its_event_and_its_names_untouched(
    offset: Offset,
    type_: EventType,
    committed_ms: int,
    rest: bytes,
    stations: frozenset[str],
    categories: frozenset[str],
) -> None:
    event = Event(offset, type_.value, committed_ms, b"{%b" % rest, stations, categories)
    assert decode_live(encode_live(event)) == event


@given(OFFSETS, st.sampled_from(list(EventType)), st.binary(max_size=200))
def test_a_message_of_release_0_1_is_read_unless_a_filter_would_need_the_names_of_its_order(
    offset: Offset, type_: EventType, rest: bytes
) -> None:
    event = Event(offset, type_.value, 17, b"{%b" % rest)
    message = encode_live_before(event)
    assert message == b"%b %b 17 {%b" % (str(offset).encode(), type_.value.encode(), rest)
    if "order" not in type_.value:
        assert message == encode_live(event)
        assert decode_live(message) == event
        return
    with pytest.raises(NamesUnknown) as caught:
        decode_live(message)
    assert caught.value.offset == offset


@given(st.from_regex(r"[0-9+_ -]{0,12}-[0-9+_ ]{0,21}", fullmatch=True))
@example("01-1")
@example("1-01")
@example("1_0-1")
@example("+1-1")
@example("999999999-999999999999999999")
@example("1000000000-1")
@example("1-1000000000000000000")
def test_a_live_message_is_taken_exactly_when_its_offset_is_one(text: str) -> None:
    message = f"{text} new_order 1700000000000 0: {{}}".encode()
    try:
        offset = Offset.parse(text)
    except Violation:
        with pytest.raises(Violation):
            decode_live(message)
    else:
        assert decode_live(message) == Event(offset, "new_order", 1_700_000_000_000, b"{}")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"1-1",
        b"1-1 a b c",
        b"x new_order 1 {}",
        b"\xff \xff \xff \xff",
        b"1-1 new_order 17 3:bar {}",
        b"1-1 new_order 17 4:bar\n{}",
        b"1-1 new_order 17 9:bar\n {}",
        b"1-1 new_order 17 2:\xff\n {}",
        b"1-1 new_order 17 1000000:\n {}",
        b"1-1 loyalty_updated 17 1:",
        b"1-1 new_order 17 00: {}",
    ],
)
def test_a_message_of_somebody_else_is_refused(message: bytes) -> None:
    with pytest.raises(Violation):
        decode_live(message)


@given(
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True), OFFSETS, st.sampled_from(list(EventType)),
    st.integers(0, 10**13), st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
)  # fmt: skip
def test_an_envelope_is_the_documented_object(
    tenant: str, offset: Offset, type_: EventType, committed_ms: int, data: dict[str, object]
) -> None:
    encoded = encode_event(tenant, offset, type_.value, committed_ms, json.dumps(data).encode())
    event = json.loads(encoded)
    assert list(event) == ["type", "tenant", "offset", "id", "timestamp", "data"]
    assert event["offset"] == str(offset)
    assert event["id"] == f"evt_{tenant}_{offset}"
    assert event["data"] == data
    assert event["timestamp"].endswith(f".{committed_ms % 1000:03d}Z")


def test_types_are_known_ones() -> None:
    assert parse_types(None) is None
    assert parse_types("new_order,order_updated") == frozenset(("new_order", "order_updated"))
    for text in ("", "new_order,", "nonsense"):
        with pytest.raises(Violation):
            parse_types(text)


@given(st.binary(min_size=32, max_size=32), st.sampled_from(list(KeyKind)))
def test_a_key_tells_its_kind_and_is_stored_as_a_hash(entropy: bytes, kind: KeyKind) -> None:
    key = make_key(kind, entropy)
    assert key.startswith(f"bw_{kind.value}_")
    assert looks_like_key(f"a line with {key} in it")
    digest = hash_key(key)
    assert digest is not None
    assert len(digest) == 32
    assert hash_key(key + "x") is None
    assert hash_key(key.upper()) is None


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_a_frame_has_the_shortest_length_that_fits(length: int) -> None:
    frame = frames.text_frame(b"x" * length)
    assert frame[0] == 0x81
    header = 2 if length < 126 else 4 if length < 65536 else 10
    assert len(frame) == header + length
    if header > 2:
        assert int.from_bytes(frame[2:header]) == length


@pytest.mark.parametrize(
    "data",
    [b"", b"no json", b"[]", b"1", b"{}", b'{"type":"ack"}', b'{"type":"ack","offset":1}',
     b'{"type":"ack","offset":"x"}', b'{"type":null}', b'{"type":["ack"]}'],
)  # fmt: skip
def test_a_message_that_cannot_be_understood_is_a_violation(data: bytes) -> None:
    with pytest.raises(Violation):
        frames.parse_message(data)


def test_acks_and_pings_are_understood() -> None:
    assert frames.parse_message(b'{"type":"ack","offset":"1-42"}') == frames.Ack(Offset(1, 42))
    assert frames.parse_message(b'{"type":"ping","more":1}') == frames.Ping()


@pytest.mark.parametrize("type_", ["accept", "", "ACK", "ping ", "\u0000"])
def test_a_message_of_another_type_is_known_as_such(type_: str) -> None:
    assert frames.parse_message(json.dumps({"type": type_}).encode()) == frames.UnknownMessage(type_)


def test_a_terminal_knows_after_which_close_it_may_come_back() -> None:
    assert {code for code in CloseCode if not code.retry} == {
        CloseCode.BYE,
        CloseCode.UNAUTHORIZED,
        CloseCode.REVOKED,
        CloseCode.NOT_FOUND,
        CloseCode.REPLACED,
    }


@pytest.mark.parametrize("text", ["kitchen", "a", "a-1", "0", "a" * 63])
def test_a_slug_is_lower_case_letters_digits_and_dashes(text: str) -> None:
    assert is_slug(text)


@pytest.mark.parametrize("text", ["", "-a", "A", "a_b", "a b", "a\n", "ä", "a" * 64])
def test_anything_else_is_no_slug(text: str) -> None:
    assert not is_slug(text)
