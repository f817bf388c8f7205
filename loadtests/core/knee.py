"""The knee of a ramp: the last rate that was within the service level, and the first that was not."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

from loadtests.core.figures import Row
from loadtests.core.histogram import merged, percentile, total
from loadtests.core.profiles import Course
from loadtests.core.rows import ORDERS, PROBE, WEBSOCKET, arrival

# Of a step: its first seconds still have the step before in them.
SETTLING = 0.2
LEAST = 20
OFFERED = 0.9
# Orders come by chance: so many standard deviations less than were asked for are no shortfall.
CHANCE = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """One rate: what was asked for, what was answered with 201, and the time to a terminal, in milliseconds."""

    number: int
    asked: float
    answered: float
    p50_ms: float | None
    p99_ms: float | None
    begin: float
    end: float

    def within(self, level_ms: float) -> bool:
        """Whether it kept the service level, with all that was asked for."""
        return self.p99_ms is not None and self.p99_ms <= level_ms and not self.fell_short

    @property
    def fell_short(self) -> bool:
        """Whether fewer orders were answered than were asked for, by more than chance."""
        asked = self.asked * (self.end - self.begin)
        return self.answered * (self.end - self.begin) < OFFERED * asked - CHANCE * math.sqrt(asked)


@dataclass(frozen=True, slots=True)
class Knee:
    """`good` is None where the first step is beyond the level, `beyond` where none is."""

    good: Step | None
    beyond: Step | None

    def __str__(self) -> str:
        if self.beyond is None:
            rate = f"{self.good.answered:.0f} orders/s" if self.good else "nothing"
            return f"no knee: every step was within the service level, up to {rate}"
        why = (
            f"p99 {self.beyond.p99_ms:.0f} ms"
            if self.beyond.p99_ms is not None
            else "too few orders arrived to tell"
        )
        then = f"at {self.beyond.asked:.0f} asked for, {self.beyond.answered:.0f} answered, {why}"
        if self.good is None:
            return f"the first step is beyond the service level: {then}"
        return f"{self.good.answered:.0f} orders/s at p99 {self.good.p99_ms:.0f} ms; {then}"


def steps_of(rows: Mapping[str, Row], course: Course, began: float) -> list[Step]:
    """Each stage as a step, the warm-up left out. `began` is the course's first moment, as a Unix time."""
    steps = []
    for number, stage in enumerate(course.stages):
        begin, end = course.span_of(number)
        begin, end = began + begin + SETTLING * stage.seconds, began + end
        orders = merged(_within(rows.get(row), begin, end) for row in ORDERS)
        arrivals = _within(rows.get(arrival(WEBSOCKET, PROBE)), begin, end)
        if number and (orders or arrivals):
            enough = total(arrivals) >= LEAST
            steps.append(
                Step(
                    number,
                    stage.rate,
                    total(orders) / (end - begin),
                    percentile(arrivals, 0.5) if enough else None,
                    percentile(arrivals, 0.99) if enough else None,
                    begin,
                    end,
                )
            )
    return steps


def knee_of(steps: list[Step], level_ms: float, *, over: bool = True) -> Knee:
    """The knee, if there is one.

    A step that answered its orders, but some too late, may have had one bad moment: it counts where the next one is
    beyond the level, too. The last one counts where the ramp is `over`, so that no other comes.
    """
    good = None
    for step, following in zip_longest(steps, steps[1:]):
        if step.within(level_ms):
            good = step
        elif step.fell_short or (over if following is None else not following.within(level_ms)):
            return Knee(good, step)
    return Knee(good, None)


def _within(row: Row | None, begin: float, end: float) -> dict[int, int]:
    windows = row.windows if row is not None else ()
    return merged(window.buckets for window in windows if begin <= window.second < end)
