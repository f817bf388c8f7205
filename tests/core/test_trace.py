"""A trace context: the one that an event carries is the one that its request gave, and nobody else's."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.event import EventType, encode_event
from backbone.contract.offset import Offset
from backbone.contract.trace import parse_traceparent, traceparent_of

HEX = "0123456789abcdef"
TRACES = st.builds(
    "00-{}-{}-{}".format,
    st.text(HEX, min_size=32, max_size=32).filter(lambda text: set(text) != {"0"}),
    st.text(HEX, min_size=16, max_size=16).filter(lambda text: set(text) != {"0"}),
    st.text(HEX, min_size=2, max_size=2),
)


@given(TRACES, st.sampled_from(list(EventType)), st.dictionaries(st.text(), st.text()))
def test_an_event_carries_the_trace_of_its_request(
    trace: str, type_: EventType, data: dict[str, str]
) -> None:
    given_ = parse_traceparent([trace])
    assert given_ == trace
    payload = encode_event("kitchen", Offset(1, 2), type_.value, 0, orjson.dumps(data), given_)
    assert traceparent_of(payload) == trace
    assert orjson.loads(payload)["traceparent"] == trace


@given(st.lists(TRACES, min_size=2, max_size=3) | st.just([]) | st.lists(st.text(), min_size=1, max_size=1))
def test_none_several_and_malformed_ones_are_no_trace(values: list[str]) -> None:
    assert parse_traceparent(values) is None


@given(TRACES)
def test_a_trace_inside_the_data_is_the_datas(trace: str) -> None:
    payload = encode_event("a", Offset(1, 2), "new_order", 0, orjson.dumps({"traceparent": trace}))
    assert traceparent_of(payload) is None
