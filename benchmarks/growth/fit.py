"""A cost as a power of a size: `time = a * size ** b`, by least squares on the logarithms. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

FLAT_EXPONENT = 0.05
FLAT_RISE = 0.2


@dataclass(frozen=True, slots=True)
class Fit:
    """`exponent` with its standard error; `rise` is by how much the largest costs more than the smallest (0.2: a fifth
    more).
    """

    exponent: float
    error: float
    rise: float

    @property
    def flat(self) -> bool:
        """Whether it stays as it is: hardly an exponent, or hardly a rise."""
        return abs(self.exponent) < FLAT_EXPONENT or self.rise < FLAT_RISE


def fit(sizes: Sequence[float], times: Sequence[float], smallest: float, largest: float) -> Fit:
    """Fit the points; `smallest` and `largest` are what calls cost at both ends.

    >>> found = fit([1, 10, 100], [2, 20, 200], 2, 200)
    >>> round(found.exponent, 6), round(found.error, 6), found.rise, found.flat
    (1.0, 0.0, 99.0, False)
    >>> fit([1, 10, 100], [5, 5, 5], 5, 5).flat
    True
    """
    across, up = [math.log(size) for size in sizes], [math.log(time) for time in times]
    mean_across, mean_up = fmean(across), fmean(up)
    spread = sum((x - mean_across) ** 2 for x in across)
    exponent = sum((x - mean_across) * (y - mean_up) for x, y in zip(across, up, strict=True)) / spread
    left = sum((y - mean_up - exponent * (x - mean_across)) ** 2 for x, y in zip(across, up, strict=True))
    error = math.sqrt(left / (len(across) - 2) / spread) if len(across) > 2 else math.inf
    return Fit(exponent, error, largest / smallest - 1)
