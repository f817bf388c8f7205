"""The state that all users of one locust process share: the cluster, its shops, and how far their orders have come."""

import itertools
import time
from collections.abc import Iterator

from loadtests.demo import Demo, Shop
from loadtests.ledger import reached
from loadtests.registrar import Operator

# Forty users who start at once in one process keep each other waiting: that is not the cluster's latency.
WARM_UP_SECONDS = 2.0


class Cluster:
    """Set up once a run, before the first user starts. `reconnect_seconds` is how often a till drops its socket."""

    def __init__(self, demo: Demo, reconnect_seconds: float = 0.0) -> None:
        self.demo = demo
        self.reconnect_seconds = reconnect_seconds
        self.operator = Operator(demo)
        self._measured_from = float("inf")
        # A turn for each kind of user: with one for both, a shop might get all tills and no customer.
        self._turns: dict[str, Iterator[Shop]] = {}
        self._placed: dict[str, str] = {}

    def spawned(self, now: float | None = None) -> None:
        """All users of this process are here; soon their own start is no longer in the figures."""
        self._measured_from = (time.monotonic() if now is None else now) + WARM_UP_SECONDS

    def measuring(self, now: float | None = None) -> bool:
        """Whether orders sent now are to be measured. Faults count from the first moment."""
        return (time.monotonic() if now is None else now) >= self._measured_from

    def next_shop(self, kind: str) -> Shop:
        """Shops by turns, so that each kind of user spreads evenly."""
        return next(self._turns.setdefault(kind, itertools.cycle(self.demo.shops)))

    def placed(self, shop: Shop, offset: str) -> None:
        """An order of this process was accepted; every till of its shop owes us this offset."""
        if not reached(self._placed.get(shop.slug), offset):
            self._placed[shop.slug] = offset

    def owed(self, shop: Shop) -> str | None:
        """The newest offset that this process was promised for a shop."""
        return self._placed.get(shop.slug)
