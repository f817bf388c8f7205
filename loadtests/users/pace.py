"""The pace of a user: moments that lie apart by chance, kept whatever the answers take.

Many users of half an order a second each come close to customers who know nothing of each other; where a moment passed
while the last answer was awaited, the next order comes at once, and the record says how late it was.
"""

import random
import time
from collections.abc import Callable

import gevent

from loadtests.core.people import ORDERS_A_USER
from loadtests.core.profiles import Stage

IDLE_SECONDS = 0.1
# A user that is so far behind begins anew: the cluster, or the generator, is full, and the record has said so.
GIVE_UP_SECONDS = 5.0


class Pace:
    """The moments of one user."""

    def __init__(self, rate: float = ORDERS_A_USER) -> None:
        self._rate = rate
        self._due: float | None = None

    def wait(self, stage: Callable[[], Stage | None]) -> float | None:
        """Wait for the next moment; returns by how many milliseconds it is late, None while nothing is to be done."""
        if stage() is None:
            self._due = None
            gevent.sleep(IDLE_SECONDS)
            return None
        now = time.monotonic()
        if self._due is None:
            # The pause that follows is drawn, so those who come together do not stay together.
            self._due = now
        self._due += random.expovariate(self._rate)
        if self._due < now - GIVE_UP_SECONDS:
            self._due = now
        gevent.sleep(max(0.0, self._due - now))
        return None if stage() is None else max(0.0, time.monotonic() - self._due) * 1000
