"""The other pure rules: steps of an order, phone numbers, idempotency, cursors, where a poll starts."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.idempotency import fingerprint, parse_key
from api.core.orders import OrderStatus, steps_into
from api.core.paging import read_cursor, read_report_cursor, write_cursor, write_report_cursor
from backbone.contract.errors import Violation

STATUSES = st.sampled_from(OrderStatus)


@given(st.lists(STATUSES, max_size=20))
def test_no_walk_leaves_an_end_or_makes_more_than_a_step(walk: list[OrderStatus]) -> None:
    line = [OrderStatus.PENDING, OrderStatus.PREPARING, OrderStatus.READY, OrderStatus.COMPLETED]
    status = OrderStatus.PENDING
    for step in walk:
        if status in steps_into(step):
            assert status not in (OrderStatus.COMPLETED, OrderStatus.CANCELLED)
            assert step is OrderStatus.CANCELLED or abs(line.index(step) - line.index(status)) == 1
            status = step


@given(STATUSES)
def test_cancelled_can_be_reached_from_all_but_the_ends(status: OrderStatus) -> None:
    ends = {OrderStatus.COMPLETED, OrderStatus.CANCELLED}
    assert (status in steps_into(OrderStatus.CANCELLED)) == (status not in ends)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_visible_ascii_is_an_idempotency_key(key: str) -> None:
    assert parse_key(key) == key


@pytest.mark.parametrize("wrong", ["", " ", "a b", "k" * 256, "ä", "a\tb", "a\n"])
def test_anything_else_is_none(wrong: str) -> None:
    with pytest.raises(Violation) as caught:
        parse_key(wrong)
    assert [error.loc for error in caught.value.errors] == ["Idempotency-Key"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcdef", max_size=4), JSON, max_size=5))
def test_the_order_of_members_does_not_make_another_request(body: dict[str, object]) -> None:
    turned = dict(reversed(body.items()))
    assert fingerprint("POST", "/a", {"t": "x"}, body) == fingerprint("POST", "/a", {"t": "x"}, turned)


@given(JSON, JSON)
def test_another_body_method_route_or_path_makes_another_request(one: object, other: object) -> None:
    base = fingerprint("POST", "/a", {"t": "x"}, one)
    assert base != fingerprint("PATCH", "/a", {"t": "x"}, one)
    assert base != fingerprint("POST", "/b", {"t": "x"}, one)
    assert base != fingerprint("POST", "/a", {"t": "y"}, one)
    # True == 1 in Python, but not in JSON.
    if repr(one) != repr(other) and one != other:
        assert base != fingerprint("POST", "/a", {"t": "x"}, other)


@given(st.integers(1, 10**17))
def test_a_cursor_reads_back_as_it_was_written(order_seq: int) -> None:
    assert read_cursor(write_cursor(order_seq)) == order_seq


@given(st.dates(), st.uuids())
def test_a_place_among_reports_reads_back_as_it_was_written(day: date, terminal: UUID) -> None:
    assert read_report_cursor(write_report_cursor(str(day), str(terminal))) == (str(day), str(terminal))


@given(st.text(max_size=30))
def test_any_other_text_is_no_place_among_reports(text: str) -> None:
    with pytest.raises(Violation, match="after"):
        read_report_cursor(text)


@given(st.text(max_size=30))
def test_any_other_text_is_no_cursor(text: str) -> None:
    try:
        order_seq = read_cursor(text)
    except Violation as exc:
        assert [error.loc for error in exc.errors] == ["after"]
    else:
        assert write_cursor(order_seq) == text.rstrip("=")
