"""Filters as rows keep them: equal filters are equal there, whatever the order in which their names were given."""

from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.event_filter import EVERYTHING, EventFilter

NAMES = st.none() | st.frozensets(st.sampled_from(["bar", "grill", "pizza", "new_order"]), min_size=1)
FILTERS = st.builds(EventFilter, NAMES, NAMES, NAMES)


@given(FILTERS, FILTERS)
def test_two_filters_are_equal_exactly_when_their_columns_are(one: EventFilter, other: EventFilter) -> None:
    assert (one == other) == (one.columns == other.columns)


@given(FILTERS)
def test_columns_hold_every_name_once_in_order_and_nothing_for_everything(one: EventFilter) -> None:
    for column, names in zip(one.columns, (one.types, one.stations, one.categories), strict=True):
        assert column == (None if names is None else sorted(names))
    assert EVERYTHING.columns == (None, None, None)
