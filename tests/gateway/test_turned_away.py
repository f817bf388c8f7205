"""Those for whom a line has no place come back when it has one, one after the other, and not long after."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.drain import ARRIVAL_SECONDS
from gateway.core.turned_away import LATEST_SECONDS, TurnedAway

PACE = round(1 / ARRIVAL_SECONDS)
WAITING = st.integers(0, 1_000_000)


@given(st.lists(st.tuples(st.floats(0, 10), WAITING), max_size=50))
def test_every_time_is_of_whole_seconds_and_bounded(crowd: list[tuple[float, int]]) -> None:
    turned_away, now = TurnedAway(), 1e6
    for later, waiting in crowd:
        now += later
        assert turned_away.retry_after(now, waiting) in range(1, LATEST_SECONDS + 1)


@given(pace=st.integers(PACE, 5 * PACE), more=st.integers(0, 10_000), too_many=st.integers(1, 10_000))
def test_of_a_crowd_nobody_is_turned_away_twice_or_comes_long_after_its_turn(
    pace: int, more: int, too_many: int
) -> None:
    # A line that it takes a second to be through with, at least: times are told in whole seconds.
    places = PACE + more
    too_many = min(too_many, int((LATEST_SECONDS - 1) / ARRIVAL_SECONDS) - places)
    turned_away = TurnedAway()
    back = Counter(turned_away.retry_after(0.0, places) for _ in range(too_many))
    waiting = places
    for second in range(1, LATEST_SECONDS + 1):
        waiting = max(0, waiting - pace) + back[second]
        # One more is the rounding of a place that ends with the second.
        assert waiting <= places + 1
    assert max(back, default=1) <= max(1, (places + too_many) * ARRIVAL_SECONDS + 1e-6)


@given(places=WAITING, crowd=st.integers(1, 12_000))
def test_no_more_are_sent_to_one_second_than_it_can_take(places: int, crowd: int) -> None:
    turned_away = TurnedAway()
    back = Counter(turned_away.retry_after(0.0, places) for _ in range(crowd))
    # The first second also has those who would be through before it; for the last there is no later one.
    for second in range(2, LATEST_SECONDS):
        assert back[second] <= PACE + 1


def test_moments_that_have_passed_are_promised_to_nobody_again() -> None:
    turned_away = TurnedAway()
    for _ in range(LATEST_SECONDS * PACE):
        turned_away.retry_after(0.0, 0)
    assert turned_away.retry_after(0.0, 0) == LATEST_SECONDS
    assert turned_away.retry_after(100.0, 0) == 1
