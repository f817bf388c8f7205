"""Wrong gift card numbers are counted: a holder of a key that guesses is slowed down, and nobody else of its shop.

A look at a card counts from its beginning, so that many at once are no more than many one after another; one that was
not wrong is given back at its end. The tenant's bucket is for many terminals that guess together: it binds those alone
that were wrong lately. A storefront's key looks for the public, and slows itself alone; an operator is not counted.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.metrics import LIMITED
from api.settings import ApiSettings
from backbone.contract.keys import KeyKind
from backbone.contract.rate import Rate
from backbone.runtime.bucket import Bucket

GUESS_SECONDS = 600.0
STOREFRONT_TIMES = 10
"""A storefront's key looks for all of a shop's customers."""
# Buckets fill evenly, so that a look which takes its time leaves a little less than one.
_SOME = 0.01


@dataclass(slots=True)
class Guess:
    """A look at a card that is under way. `wrong` is set when there was no such card."""

    wrong: bool = False


class Guesses:
    """The buckets of a pod."""

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        def bucket(name: str, count: int) -> Bucket:
            return Bucket(LIMITED.labels(name), Rate(count, GUESS_SECONDS), clock)

        self._holders = {
            KeyKind.TERMINAL: bucket("terminal_guesses", settings.terminal_guesses),
            KeyKind.STOREFRONT: bucket("storefront_guesses", STOREFRONT_TIMES * settings.terminal_guesses),
        }
        self._tenants = bucket("tenant_guesses", settings.tenant_guesses)
        self._under_way: Counter[object] = Counter()

    @contextmanager
    def guess(self, tenant: str, kind: KeyKind, holder: object) -> Iterator[Guess]:
        """Count a look at a card by a terminal, or by a storefront's key, for as long as it is under way.

        Raises:
            TooMany: the holder, or a terminal's tenant, was wrong too often. Right numbers are refused then as well, so
                an answer says nothing about a number.
        """
        own = self._holders.get(kind)
        if own is None:
            yield Guess()
            return
        together = kind is KeyKind.TERMINAL
        suspect = together and own.missing(holder) > self._under_way[holder] + _SOME
        own.spend(holder)
        taken = together and self._tenants.take(tenant)
        self._under_way[holder] += 1
        guess = Guess()
        try:
            if suspect and not taken:
                self._tenants.look(tenant)
            yield guess
        finally:
            self._under_way[holder] -= 1
            if not self._under_way[holder]:
                del self._under_way[holder]
            if not guess.wrong:
                own.give_back(holder)
                if taken:
                    self._tenants.give_back(tenant)
