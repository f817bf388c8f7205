"""Every message has a schema, every close code a meaning, and what a gateway says fits: `/asyncapi.json`."""

import json
import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.asyncapi import EVENTS, document
from api.http.documents.messages import CLOSE_CODES
from backbone.contract import frames, sse
from backbone.contract.errors import CloseCode
from backbone.contract.event import EventType, encode_event
from backbone.contract.offset import Offset
from tests.conftest import ROOT
from tests.schemas import faults

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
OFFSETS = st.builds(Offset, st.integers(0, 999_999_999), st.integers(0, 10**18 - 1))
READING = str(UUID(int=7))


def test_every_event_type_has_a_schema_and_stands_in_the_contract() -> None:
    types = {type_.value for type_ in EventType}
    assert types - EVENTS.keys() == set(), "write its model in api/http/documents/events.py"
    assert {type_ for type_ in types if f"| `{type_}` |" not in PROTOCOL} == set()
    for channel in document("0", {})["channels"].values():
        assert types <= channel["messages"].keys()


def test_every_close_code_has_a_meaning_and_stands_in_the_contract() -> None:
    assert CLOSE_CODES.keys() == set(CloseCode)
    paragraph = re.search(r"^Close codes: .*?\n\n", PROTOCOL, re.M | re.S)
    assert paragraph is not None
    said = {int(code) for code in re.findall(r"\b(?:1\d{3}|4\d{3})\b", paragraph[0])}
    # 1007 is the framing's own word (RFC 6455), named above.
    assert said == {int(code) for code in CloseCode} - {CloseCode.BAD_DATA}


@settings(deadline=None)
@given(
    OFFSETS,
    OFFSETS,
    st.none() | OFFSETS,
    st.booleans(),
    st.sampled_from(["retention", "epoch", "unknown_offset"]),
)
def test_what_a_gateway_says_fits_its_schema_at_both_doors(
    head: Offset, after: Offset, acked: Offset | None, resumed: bool, reason: str
) -> None:
    said = [
        frames.hello("kitchen", READING, head, after, resumed, 20, READING, acked),
        frames.caught_up(after),
        frames.heartbeat(head),
        frames.reset(after, reason),
    ]
    for message in map(json.loads, [*said, frames.pong(head), frames.error("bad-json", "not JSON")]):
        assert faults("socket", message) == []
    for payload in said:
        assert faults("stream", json.loads(payload)) == []
    last = sse.close_chunk(1012, "retry_ms=500").partition(b"data: ")[2].partition(b"\n")[0]
    assert faults("stream", json.loads(last)) == []


@settings(deadline=None)
@given(OFFSETS)
def test_what_a_terminal_says_by_its_schema_is_understood(offset: Offset) -> None:
    ack = {"type": "ack", "offset": str(offset)}
    assert faults("socket", ack) == faults("socket", {"type": "ping"}) == []
    assert frames.parse_message(json.dumps(ack).encode()) == frames.Ack(offset)


SEEN = b'{"orderId":"%b","orderNumber":"ORD-1","terminalId":"%b","waitedSeconds":4,"attempts":1%b}'


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (SEEN % (READING.encode(), READING.encode(), b""), 0),
        (SEEN % (READING.encode(), READING.encode(), b',"surprise":1'), 1),
        (SEEN % (b"15", READING.encode(), b""), 1),
        (b"{}", 4),
    ],
    ids=["as it is", "a member too many", "of another form", "members that are missing"],
)
def test_what_differs_from_a_schema_is_found(data: bytes, wrong: int) -> None:
    event = json.loads(encode_event("kitchen", Offset(1, 1), "order_acknowledged", 1, data))
    assert len(faults("socket", event)) == wrong
