"""Lines that come in crowds are told while there is room; those that were not are counted, and told at `debug`."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from backbone.runtime.crowd_log import LINES, CrowdLog


class Lines(logging.Logger):
    """A logger that keeps what it is told."""

    def __init__(self, clock: "Clock") -> None:
        super().__init__("lines", logging.DEBUG)
        self._clock = clock
        self.told: list[tuple[float, int, int]] = []
        self.beyond: list[int] = []

    def handle(self, record: logging.LogRecord) -> None:
        facts = vars(record)
        if record.levelno == logging.INFO:
            self.told.append((self._clock.now, facts["number"], facts.get("left_out", 0)))
        else:
            self.beyond.append(facts["number"])


class Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.integers(1, 150), st.floats(0, 90)), max_size=12))
def test_each_line_is_told_once_at_info_or_at_debug_and_none_is_left_uncounted(
    crowds: list[tuple[int, float]],
) -> None:
    clock = Clock()
    lines = Lines(clock)
    crowd, count = CrowdLog(lines, clock), 0
    for size, pause in crowds:
        for _ in range(size):
            crowd.say("alarm.raised", number=count)
            count += 1
        clock.now += pause
    assert sorted([number for _, number, _ in lines.told] + lines.beyond) == list(range(count))
    before = -1
    for _, number, left_out in lines.told:
        assert left_out == number - before - 1
        before = number
    for at, _, _ in lines.told:
        # The bound fills up again while it is used: no minute has more than two of them.
        assert sum(at <= other < at + LINES.seconds for other, _, _ in lines.told) <= 2 * LINES.count


def test_a_crowd_of_a_moment_has_the_lines_of_a_minute() -> None:
    clock = Clock()
    lines = Lines(clock)
    crowd = CrowdLog(lines, clock)
    for number in range(1000):
        crowd.say("alarm.raised", number=number)
    assert len(lines.told) == LINES.count
    clock.now += LINES.seconds
    crowd.say("alarm.raised", number=1000)
    assert lines.told[-1][1:] == (1000, 1000 - LINES.count)
