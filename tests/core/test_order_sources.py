"""Sources of orders: a tenant's own beside the built-in ones, each once, whatever their case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.order_sources import BUILT_IN, OrderSource, added_sources

NAMES = st.text(min_size=1, max_size=8) | st.sampled_from(["POS", "Online", "ubereats", "UberEats", "Straße"])
SOURCES = st.lists(st.builds(OrderSource, NAMES, st.booleans()), max_size=6)


@given(SOURCES)
def test_what_is_added_is_no_built_in_source_and_none_is_there_twice(named: list[OrderSource]) -> None:
    try:
        added = added_sources(named)
    except ValueError:
        keys = [source.key for source in named]
        known = {source.key: source.broadcast for source in BUILT_IN}
        assert len(set(keys)) < len(keys) or any(known.get(s.key, s.broadcast) != s.broadcast for s in named)
        return
    keys = [source.key for source in (*BUILT_IN, *added)]
    assert len(set(keys)) == len(keys)
    assert all(source in added for source in named if source.key not in {one.key for one in BUILT_IN})


@pytest.mark.parametrize(
    ("name", "broadcast", "says"),
    [
        ("ONLINE", False, "online, which is built in and broadcasts"),
        ("Pos", True, "pos, .* does not broadcast"),
    ],
)
def test_a_built_in_source_stays_as_it_is(name: str, broadcast: bool, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        added_sources([OrderSource(name, broadcast)])
