"""Limits on requests: per key, per tenant, per address of strangers, and for wrong gift card numbers.

Each pod counts for itself, in memory: no answer depends on Redis, and a limit is a wall against floods, not a tariff.

Why: docs/decisions/0061-limits-per-pod.md
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from api.bucket import Bucket
from api.core.address import counted_as
from api.core.rate import Rate
from api.guesses import Guesses
from api.in_flight import InFlight
from api.settings import ApiSettings
from backbone.eventlog.access import Principal

WINDOW_SECONDS = 10.0
GOOD_KEYS = 50_000


class Limits:
    """The limits of a pod."""

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        def rate(per_second: int) -> Rate:
            return Rate(int(per_second * WINDOW_SECONDS), WINDOW_SECONDS)

        self._keys = Bucket("key", rate(settings.key_rate), clock)
        self._tenants = Bucket("tenant", rate(settings.tenant_rate), clock)
        self._strangers = Bucket("address", rate(settings.stranger_rate), clock)
        self._lookups = Bucket("address", rate(settings.stranger_lookups), clock)
        # Keys that were good, the one used longest ago first: by their hash of this process alone.
        self._good: OrderedDict[int, None] = OrderedDict()
        self.in_flight = InFlight(settings.key_in_flight)
        self.guesses = Guesses(settings, clock)

    def charge(self, key: str, principal: Principal) -> None:
        """Count a request with a valid key. Raises TooMany."""
        # By its hash alone: the key itself is kept nowhere.
        self._good[hash(key)] = None
        self._good.move_to_end(hash(key))
        if len(self._good) > GOOD_KEYS:
            self._good.popitem(last=False)
        self._keys.spend(hash(key))
        if principal.tenant is not None:
            self._tenants.spend(principal.tenant)

    def look_at_stranger(self, address: str, key: str | None) -> None:
        """Decide whether a key is looked up. The key is asked before the address that it comes from is judged.

        An address with too many wrong keys may have more of them looked up, as many as a pod can well bear: a shop
        may stand behind it. A key that was good is always looked up.

        Raises:
            TooMany: this address has had its share.
        """
        if key is None:
            self._strangers.look(counted_as(address))
        elif hash(key) not in self._good and self._strangers.is_empty(counted_as(address)):
            self._lookups.spend(counted_as(address))

    def refuse_stranger(self, address: str, key: str | None) -> None:
        """Count a request without a valid key. Raises TooMany when its address had too many before."""
        if key is not None:
            self._good.pop(hash(key), None)
        self._strangers.spend(counted_as(address))
