"""Limits on requests: per key, per tenant, per address of strangers, and for wrong gift card numbers.

Each pod counts for itself, in memory: no answer depends on Redis, and a limit is a wall against floods, not a tariff.
Memory is bounded: the least recently used buckets are dropped. A dropped bucket starts full again, so this never
refuses anybody.

Why: docs/decisions/0061-limits-per-pod.md
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from prometheus_client import Counter

from api.core.rate import Excess, Rate, look, spend
from api.settings import ApiSettings
from backbone.contract.errors import TooMany
from backbone.eventlog.access import Principal

BUCKETS = 50_000
GUESS_SECONDS = 600.0
WINDOW_SECONDS = 10.0

LIMITED = Counter(
    "bellwire_api_limited",
    "Requests answered with 429, by what was exceeded: key, tenant, address, terminal_guesses, tenant_guesses.",
    ["limit"],
)


class Bucket:
    """The buckets of one kind, by whom they belong to."""

    def __init__(self, name: str, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._rate = rate
        self._clock = clock
        # The one used longest ago is first.
        self._full_at: OrderedDict[object, float] = OrderedDict()
        LIMITED.labels(name)

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

    def note(self, owner: object) -> None:
        """Take one if there is one; whether there was is found at the next look."""
        self._spend(owner)

    def _spend(self, owner: object) -> Excess | None:
        full_at = self._full_at.get(owner, 0.0)
        found = spend(full_at, self._clock(), self._rate)
        excess = found if isinstance(found, Excess) else None
        self._full_at[owner] = found if isinstance(found, float) else full_at
        self._full_at.move_to_end(owner)
        if len(self._full_at) > BUCKETS:
            self._full_at.popitem(last=False)
        return excess

    def _refuse(self, excess: Excess) -> None:
        LIMITED.labels(self._name).inc()
        raise TooMany(excess.rate.count, excess.rate.seconds, excess.retry_after)


class Limits:
    """The limits of a pod."""

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        def rate(per_second: int) -> Rate:
            return Rate(int(per_second * WINDOW_SECONDS), WINDOW_SECONDS)

        self._keys = Bucket("key", rate(settings.key_rate), clock)
        self._tenants = Bucket("tenant", rate(settings.tenant_rate), clock)
        self._strangers = Bucket("address", rate(settings.stranger_rate), clock)
        self._terminal_guesses = Bucket(
            "terminal_guesses", Rate(settings.terminal_guesses, GUESS_SECONDS), clock
        )
        self._tenant_guesses = Bucket("tenant_guesses", Rate(settings.tenant_guesses, GUESS_SECONDS), clock)

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

    def look_at_guesses(self, tenant: str, terminal: UUID) -> None:
        """Raises TooMany for a terminal, or a tenant, that asked for too many gift cards that do not exist.

        Right numbers are refused then as well, so an answer says nothing about a number.
        """
        self._terminal_guesses.look(terminal)
        self._tenant_guesses.look(tenant)

    def note_guess(self, tenant: str, terminal: UUID) -> None:
        """Count a number that is no card's."""
        self._terminal_guesses.note(terminal)
        self._tenant_guesses.note(tenant)
