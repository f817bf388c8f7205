"""Does a value grow? The slope of its points, and how far it is to be trusted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_POINTS = 20
# Neighbouring looks at a pod are not independent: their noise is that of so many fewer.
BLOCKS = 30
LEAST_MEAN = 10.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through points: in units an hour, with its standard error; `mean` is the points' own."""

    per_hour: float
    error: float
    mean: float

    @property
    def least_per_hour(self) -> float:
        """The least growth that two errors leave, in units."""
        return self.per_hour - 2 * self.error

    @property
    def least_percent_per_hour(self) -> float:
        """The same in percent of the mean."""
        return 100 * self.least_per_hour / self.mean if self.mean else 0.0

    def __str__(self) -> str:
        # Of a queue that is empty nearly always a percentage says nothing.
        if self.mean < LEAST_MEAN:
            return f"{self.per_hour:+.2f} ± {self.error:.2f} an hour"
        return f"{100 * self.per_hour / self.mean:+.2f} ± {100 * self.error / self.mean:.2f} % an hour"


def trend_of(points: Sequence[tuple[float, float]]) -> Trend | None:
    """The trend of points of seconds and values; None of too few."""
    if len(points) < LEAST_POINTS:
        return None
    blocks = _blocks(points)
    count = len(blocks)
    middle_x = sum(x for x, _ in blocks) / count
    middle_y = sum(y for _, y in blocks) / count
    spread = sum((x - middle_x) ** 2 for x, _ in blocks)
    if spread == 0:
        return None
    slope = sum((x - middle_x) * (y - middle_y) for x, y in blocks) / spread
    left = sum((y - middle_y - slope * (x - middle_x)) ** 2 for x, y in blocks)
    error = math.sqrt(left / (count - 2) / spread)
    return Trend(slope * 3600, error * 3600, middle_y)


def _blocks(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The means of neighbouring points, in at most so many blocks."""
    ordered = sorted(points)
    size = max(1, len(ordered) // BLOCKS)
    parts = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]
