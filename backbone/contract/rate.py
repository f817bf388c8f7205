"""How often is too often: a bucket of so many that refills evenly (GCRA). Pure; a bucket is one number.

The number is the moment at which the bucket will be full again; a bucket that is full needs no number at all.

Why: docs/decisions/0061-limits-per-pod.md
"""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within so many seconds; all of them may come at once."""

    count: int
    seconds: float

    @property
    def spacing(self) -> float:
        """The seconds in which one comes back."""
        return self.seconds / self.count


@dataclass(frozen=True, slots=True)
class Excess:
    """One too many: the rate that it was too many for, and the whole seconds after which one is free."""

    rate: Rate
    retry_after: int


def spend(full_at: float, now: float, rate: Rate) -> float | Excess:
    """Take one from a bucket; returns its new number, or that there was none.

    >>> two_a_second = Rate(2, 1.0)
    >>> full_at = spend(0.0, 100.0, two_a_second)
    >>> full_at = spend(full_at, 100.0, two_a_second)
    >>> spend(full_at, 100.0, two_a_second).retry_after
    1
    """
    spacing = rate.spacing
    later = (full_at if full_at > now else now) + spacing
    # Each addition rounds, the more the larger `now` is; a thousandth of one piece forgives all of it.
    missing = later - now - rate.seconds
    return later if missing <= 1e-3 * spacing else Excess(rate, max(1, ceil(missing)))


def give_back(full_at: float, rate: Rate) -> float:
    """Put one back that was taken; returns the bucket's new number."""
    return full_at - rate.spacing


def look(full_at: float, now: float, rate: Rate) -> Excess | None:
    """Whether one could be taken now, without taking it."""
    found = spend(full_at, now, rate)
    return found if isinstance(found, Excess) else None
