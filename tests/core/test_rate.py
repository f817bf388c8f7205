"""Rates and points: the figures at the edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.loyalty import MAX_POINTS_PER_UNIT, parse_points_per_unit
from backbone.contract.errors import Problem, TooMany, TooManyAnswers, Unavailable, Violation
from backbone.contract.rate import Excess, Rate, give_back, look, spend

RATES = st.builds(Rate, st.integers(1, 1000), st.floats(0.5, 3600))
MOMENTS = st.floats(0, 1e6)


@given(RATES, MOMENTS, st.lists(st.floats(0, 100), max_size=60))
def test_a_look_says_what_a_taking_would_and_takes_nothing(
    rate: Rate, now: float, waits: list[float]
) -> None:
    full_at = 0.0
    for wait in waits:
        now += wait
        seen, taken = look(full_at, now, rate), spend(full_at, now, rate)
        assert seen == (taken if isinstance(taken, Excess) else None)
        if not isinstance(taken, Excess):
            full_at = taken


@given(RATES, MOMENTS)
def test_all_of_a_full_bucket_may_come_at_once_and_then_the_wait_is_long_enough(
    rate: Rate, now: float
) -> None:
    full_at = 0.0
    for _ in range(rate.count):
        taken = spend(full_at, now, rate)
        assert not isinstance(taken, Excess)
        full_at = taken
    refused = spend(full_at, now, rate)
    if isinstance(refused, Excess):
        assert refused.retry_after >= 1
        assert look(full_at, now + refused.retry_after, rate) is None


@given(RATES, MOMENTS)
def test_one_that_is_given_back_can_be_taken_again_and_no_more_than_that(rate: Rate, now: float) -> None:
    full_at = now + rate.seconds
    assert isinstance(spend(full_at, now, rate), Excess)
    again = spend(give_back(full_at, rate), now, rate)
    assert not isinstance(again, Excess)
    assert again == pytest.approx(full_at)
    assert isinstance(spend(again, now, rate), Excess)


@given(st.integers(0, 100 * MAX_POINTS_PER_UNIT))
def test_points_per_unit_are_read_to_the_hundredth(hundredths: int) -> None:
    assert parse_points_per_unit(hundredths / 100) == hundredths


@given(st.integers(MAX_POINTS_PER_UNIT + 1, 10**6))
def test_more_points_per_unit_than_there_may_be_are_refused(points: int) -> None:
    with pytest.raises(ValueError, match=f"between 0 and {MAX_POINTS_PER_UNIT}"):
        parse_points_per_unit(points)


def test_every_refusal_says_when_to_come_back_and_what_was_wrong() -> None:
    assert TooMany(5, 10.0, 3).retry_after == 3
    assert TooMany(5, 10.0, 3).problem is Problem.TOO_MANY
    full = TooManyAnswers(20, 7, 60)
    assert (full.problem, full.count, full.retry_after) == (Problem.TOO_MANY_ANSWERS, 20, 60)
    assert "20 answers" in full.detail
    assert "5 in 10 s" in str(TooMany(5, 10.0, 3))
    assert Unavailable("PostgreSQL", 2).retry_after == 2
    assert Violation.field(Problem.BAD_REQUEST, "after", "must be 0").errors[0].loc == "after"
