"""Limits on requests: per key, per tenant, per address of strangers, and for wrong gift card numbers.

Each pod counts for itself, in memory: no answer depends on Redis, and a limit is a wall against floods, not a tariff.

Why: docs/decisions/0061-limits-per-pod.md
"""

import time
from collections.abc import Callable

from api.bucket import Bucket
from api.core.rate import Rate
from api.guesses import Guesses
from api.settings import ApiSettings
from backbone.eventlog.access import Principal

WINDOW_SECONDS = 10.0


class Limits:
    """The limits of a pod."""

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        def rate(per_second: int) -> Rate:
            return Rate(int(per_second * WINDOW_SECONDS), WINDOW_SECONDS)

        self._keys = Bucket("key", rate(settings.key_rate), clock)
        self._tenants = Bucket("tenant", rate(settings.tenant_rate), clock)
        self._strangers = Bucket("address", rate(settings.stranger_rate), clock)
        self.guesses = Guesses(settings, clock)

    def charge(self, key: str, principal: Principal) -> None:
        """Count a request with a valid key. Raises TooMany."""
        # By its hash alone: the key itself is kept nowhere.
        self._keys.spend(hash(key))
        if principal.tenant is not None:
            self._tenants.spend(principal.tenant)

    def look_at_stranger(self, address: str) -> None:
        """Raises TooMany for an address that came with too many wrong keys: the next is not even looked up."""
        self._strangers.look(address)

    def note_stranger(self, address: str) -> None:
        """Count a request without a valid key."""
        self._strangers.note(address)
