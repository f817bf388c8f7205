"""The shops that commit most, as one pod saw the last minute. Pure, and bounded whatever happens."""

from collections import Counter, deque

SECONDS = 60
SHOPS_A_SECOND = 200
"""Shops that are told apart within a second; what others do in it is left out."""


class Traffic:
    """Counts by second; `turn` begins the next one."""

    def __init__(self) -> None:
        self._now: dict[str, int] = {}
        self._before: deque[dict[str, int]] = deque()
        self._sum: Counter[str] = Counter()

    def count(self, tenant: str) -> None:
        """An event of this shop was committed."""
        now = self._now
        if tenant in now:
            now[tenant] += 1
        elif len(now) < SHOPS_A_SECOND:
            now[tenant] = 1

    def turn(self) -> None:
        """A second is over."""
        self._before.append(self._now)
        self._sum.update(self._now)
        self._now = {}
        if len(self._before) > SECONDS:
            for tenant, count in self._before.popleft().items():
                self._sum[tenant] -= count
                if not self._sum[tenant]:
                    del self._sum[tenant]

    def top(self, most: int) -> dict[str, int]:
        """The busiest shops of the minute with their events, the busiest first."""
        return dict(self._sum.most_common(most))
