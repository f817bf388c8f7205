"""A trouble that is met again and again does not fill the log, whatever its rhythm, and is never left out of it."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.runtime.outage import AGAIN_SECONDS, Outage

log = logging.getLogger("bellwire.test_outage")


class Lines(logging.Handler):
    """The text that was written."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger=log.name)


def test_it_is_told_once_and_then_every_30_s_with_how_often_and_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage(log, "live.lost", "see that it runs")
    for tick in range(700):
        outage.met(1000 + tick / 10, node="a")
    outage.worked(1100.0)
    told = [vars(record) for record in caplog.records]
    assert [(each["message"], each.get("times"), each.get("seconds")) for each in told] == [
        ("live.lost", None, None), ("live.lost", 300, 30), ("live.lost", 300, 60), ("live.lost.over", None, 70),
    ]  # fmt: skip
    assert {each["hint"] for each in told[:3]} == {"see that it runs"}


@given(st.lists(st.tuples(st.floats(0.001, 40), st.booleans()), max_size=200))
def test_no_rhythm_of_failures_writes_more_than_two_lines_in_30_s_nor_is_one_left_untold(
    steps: list[tuple[float, bool]],
) -> None:
    lines = Lines()
    log.addHandler(lines)
    try:
        outage, now, told, met = Outage(log, "x", ""), 1000.0, [], []
        for pause, fails in steps:
            now += pause
            before = len(lines.records)
            if fails:
                outage.met(now)
                met.append(now)
            else:
                outage.worked(now)
            told += [now] * (len(lines.records) - before)
            if fails:
                assert any(now - AGAIN_SECONDS <= moment for moment in told)
        for first, third in zip(told, told[2:], strict=False):
            assert third - first >= AGAIN_SECONDS
        assert bool(met) == any(record.getMessage() == "x" for record in lines.records)
    finally:
        log.removeHandler(lines)
