"""The drain's plan: everybody is closed in time, and nobody comes back in a crowd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.drain import ARRIVAL_SECONDS, LEAST_RETRY_SECONDS, drain_plan

SOCKETS = st.integers(0, 3000)
SECONDS = st.floats(0, 600)


@given(SOCKETS, SECONDS)
def test_each_socket_is_closed_once_within_the_drain(sockets: int, seconds: float) -> None:
    plan = drain_plan(sockets, seconds)
    assert [closing.index for closing in plan] == list(range(sockets))
    assert all(0 <= closing.at_seconds <= seconds for closing in plan)


@given(st.integers(2, 3000), SECONDS)
def test_no_two_terminals_come_back_at_the_same_moment(sockets: int, seconds: float) -> None:
    plan = drain_plan(sockets, seconds)
    back = [closing.at_seconds + closing.retry_ms / 1000 for closing in plan]
    # Slots are told in whole milliseconds, so two neighbours may share one.
    for first, later in zip(back, back[10:], strict=False):
        assert later - first >= 10 * ARRIVAL_SECONDS - 0.0011


@given(st.integers(1, 3000), st.floats(2, 600))
def test_a_drain_that_is_long_enough_costs_a_terminal_a_moment_only(sockets: int, seconds: float) -> None:
    assert {closing.retry_ms for closing in drain_plan(sockets, seconds)} == {1000 * LEAST_RETRY_SECONDS}


def test_a_drain_of_no_time_at_all_has_its_terminals_wait_for_their_slots() -> None:
    plan = drain_plan(1000, 0)
    assert {closing.at_seconds for closing in plan} == {0}
    assert plan[-1].retry_ms == pytest.approx(520, abs=2)
