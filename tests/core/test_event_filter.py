"""Filters: what they let through, how they are read, and that rows keep equal ones equally."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.errors import Violation
from backbone.contract.event import Event, EventType
from backbone.contract.event_filter import EVERYTHING, MAX_NAMES, EventFilter, filter_of, read_filter
from backbone.contract.names import MAX_NAME, folded, is_name
from backbone.contract.offset import Offset

NAMES = st.none() | st.frozensets(st.sampled_from(["bar", "grill", "pizza", "new_order"]), min_size=1)
FILTERS = st.builds(EventFilter, NAMES, NAMES, NAMES)
ORDERS = st.frozensets(st.sampled_from(["bar", "grill", "pizza"]))
EVENTS = st.builds(
    lambda type_, stations, categories: Event(Offset(1, 1), type_, 0, b"{}", stations, categories),
    st.sampled_from([member.value for member in EventType]), ORDERS, ORDERS,
)  # fmt: skip
ANY_NAME = st.text(min_size=1, max_size=MAX_NAME).filter(lambda text: is_name(text) and text == text.strip())


@given(FILTERS, FILTERS)
def test_two_filters_are_equal_exactly_when_their_columns_are(one: EventFilter, other: EventFilter) -> None:
    assert (one == other) == (one.columns == other.columns)


@given(FILTERS)
def test_columns_hold_every_name_once_in_order_and_nothing_for_everything(one: EventFilter) -> None:
    for column, names in zip(one.columns, (one.types, one.stations, one.categories), strict=True):
        assert column == (None if names is None else sorted(names))
    assert EVERYTHING.columns == (None, None, None)
    assert filter_of(*one.columns) == one
    assert filter_of(None, None, None) is EVERYTHING


@given(FILTERS, EVENTS)
def test_a_list_is_an_or_the_three_are_an_and_and_an_order_without_names_is_everybodys(
    one: EventFilter, event: Event
) -> None:
    asked = [(one.types, {event.type}), (one.stations, event.stations), (one.categories, event.categories)]
    expected = all(wanted is None or not has or bool(wanted & has) for wanted, has in asked)
    assert one.takes(event) is expected
    assert EVERYTHING.takes(event)


@given(FILTERS, FILTERS, EVENTS)
def test_a_filter_that_asks_for_less_lets_nothing_through_that_the_other_does_not(
    one: EventFilter, other: EventFilter, event: Event
) -> None:
    less = EventFilter(
        *(
            mine if theirs is None else theirs if mine is None else mine & theirs or theirs
            for mine, theirs in zip(
                (one.types, one.stations, one.categories),
                (other.types, other.stations, other.categories),
                strict=True,
            )
        )
    )
    assert other.takes(event) or not less.takes(event)


@given(st.lists(ANY_NAME, min_size=1, max_size=MAX_NAMES))
def test_names_are_read_in_any_case_and_any_order(names: list[str]) -> None:
    asked = read_filter({"stations": ",".join(names)})
    assert asked == read_filter({"stations": " , ".join(reversed(names))})
    assert asked.stations == frozenset(map(folded, names))
    assert read_filter({"categories": ",".join(names)}).categories == asked.stations


@given(st.from_regex(r"[A-Za-zÄÖÜäöüß ]{0,20}[A-Za-z]", fullmatch=True))
def test_names_that_differ_in_case_alone_are_one(name: str) -> None:
    assert folded(name.upper()) == folded(name.lower()) == folded(name)


@pytest.mark.parametrize("word", ["stations", "categories"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "bar,",
        ",",
        "bar,,grill",
        "a\tb",
        "a\nb",
        "\u200b",
        "x" * (MAX_NAME + 1),
        "bar," * MAX_NAMES + "bar",
    ],
)
def test_what_names_no_station_is_refused_by_its_word(word: str, text: str) -> None:
    with pytest.raises(Violation) as caught:
        read_filter({word: text})
    assert [error.loc for error in caught.value.errors] == [word]
