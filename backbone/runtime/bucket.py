"""Buckets of one kind, by whom they belong to: in memory, bounded, each pod its own.

The least recently used ones are dropped. A dropped bucket starts full again, so this never refuses anybody.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from prometheus_client import Counter

from backbone.contract.errors import TooMany
from backbone.contract.rate import Excess, Rate, give_back, look, spend

BUCKETS = 50_000


class Bucket:
    """The buckets of one kind, by whom they belong to. `refused` counts those who find theirs empty."""

    def __init__(self, refused: Counter, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._refused = refused
        self._rate = rate
        self._clock = clock
        # The one used longest ago is first.
        self._full_at: OrderedDict[object, float] = OrderedDict()

    def spend(self, owner: object) -> None:
        """Take one.

        Raises:
            TooMany: there is none.
        """
        excess = self._spend(owner)
        if excess is not None:
            self._refuse(excess)

    def look(self, owner: object) -> None:
        """Raises TooMany when there is none to take."""
        excess = look(self._full_at.get(owner, 0.0), self._clock(), self._rate)
        if excess is not None:
            self._refuse(excess)

    def is_empty(self, owner: object) -> bool:
        """Whether there is none to take."""
        return look(self._full_at.get(owner, 0.0), self._clock(), self._rate) is not None

    def note(self, owner: object) -> None:
        """Take one if there is one; whether there was is found at the next look."""
        self._spend(owner)

    def give_back(self, owner: object) -> None:
        """Put one back that was taken."""
        full_at = self._full_at.get(owner)
        if full_at is not None:
            self._full_at[owner] = give_back(full_at, self._rate)

    def missing(self, owner: object) -> float:
        """How many are taken, and have not come back yet."""
        return max(0.0, self._full_at.get(owner, 0.0) - self._clock()) / self._rate.spacing

    def take(self, owner: object) -> bool:
        """Take one if there is one, and say whether there was."""
        return self._spend(owner) is None

    def _spend(self, owner: object) -> Excess | None:
        buckets = self._full_at
        full_at = buckets.get(owner, 0.0)
        found = spend(full_at, self._clock(), self._rate)
        buckets[owner] = full_at if isinstance(found, Excess) else found
        buckets.move_to_end(owner)
        if len(buckets) > BUCKETS:
            buckets.popitem(last=False)
        return found if isinstance(found, Excess) else None

    def _refuse(self, excess: Excess) -> None:
        self._refused.inc()
        raise TooMany(excess.rate.count, excess.rate.seconds, excess.retry_after)
