"""Another clock is told by the quickest of several questions, and the way to it by the middle one."""

from types import SimpleNamespace

import pytest

from backbone.runtime import clock_skew


async def test_the_quickest_answer_tells_the_clock_and_the_middle_one_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    trips = iter([0.5, 0.1, 0.3, 0.2, 0.4])

    async def ask() -> float:
        """A clock that is 90 s ahead, read at the end of its trip: wrong by half of that, as much as it may be."""
        nonlocal now
        now += next(trips)
        return now + 90

    clocks = SimpleNamespace(time=lambda: now, perf_counter=lambda: now)
    monkeypatch.setattr(clock_skew, "time", clocks)
    assert await clock_skew.clock_skew(ask) == pytest.approx((90.05, 0.3))
