"""Wrong pairing codes are counted before they are looked up: five of an address, then it waits.

A pod answers so many wrong codes a second in all, wherever they come from: eight characters are not to be found by
many addresses either.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.guesses import Guess
from api.metrics import LIMITED
from backbone.contract.address import counted_as
from backbone.contract.errors import TooMany
from backbone.contract.rate import Rate
from backbone.runtime.bucket import BUCKETS, Bucket

WRONG, WRONG_SECONDS = 5, 600.0
A_SECOND_IN_ALL = 20


class PairingGuesses:
    """The wrong codes of a pod; memory is bounded, the address that began longest ago is dropped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # When an address's ten minutes began, and how many it took since; the oldest first.
        self._taken: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._all = Bucket(LIMITED.labels("pairing"), Rate(A_SECOND_IN_ALL, 1.0), clock)
        LIMITED.labels("pairing_address")

    @contextmanager
    def guess(self, address: str) -> Iterator[Guess]:
        """Count a code from its beginning on, and forget it at the end unless it was `wrong`.

        Raises:
            TooMany: too many wrong ones of this address, or in all. A right code is refused then as well.
        """
        owner = counted_as(address)
        self._take(owner)
        guess = Guess()
        try:
            self._all.spend(None)
            try:
                yield guess
            finally:
                if not guess.wrong:
                    self._all.give_back(None)
        finally:
            if not guess.wrong:
                self._give_back(owner)

    def _take(self, owner: str) -> None:
        now = self._clock()
        began, count = self._taken.get(owner, (now, 0))
        if now - began >= WRONG_SECONDS:
            began, count = now, 0
        if count >= WRONG:
            LIMITED.labels("pairing_address").inc()
            raise TooMany(WRONG, WRONG_SECONDS, max(1, math.ceil(began + WRONG_SECONDS - now)))
        if count == 0:
            self._taken.pop(owner, None)
        self._taken[owner] = (began, count + 1)
        while len(self._taken) > BUCKETS:
            self._taken.popitem(last=False)

    def _give_back(self, owner: str) -> None:
        began, count = self._taken.get(owner, (0.0, 0))
        if count > 1:
            self._taken[owner] = (began, count - 1)
        else:
            self._taken.pop(owner, None)
