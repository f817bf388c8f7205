"""Limits on who asks: per key, per tenant, and per address of strangers; the same at every kind of pod.

Each process counts for itself, in memory: no answer depends on Redis. A limit is a wall against floods, not a tariff.

Why: docs/decisions/0061-limits-per-pod.md, docs/decisions/0100-strangers.md
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from backbone.contract.address import counted_as
from backbone.contract.rate import Rate
from backbone.runtime.bucket import Bucket

WINDOW_SECONDS = 10.0
GOOD_KEYS = 50_000


@dataclass(frozen=True, slots=True)
class CallerRates:
    """So many a second; ten seconds' worth may come at once. `lookups`: keys of an address with too many wrong ones."""

    key: int
    tenant: int
    stranger: int
    lookups: int


class CallerLimits:
    """The limits of a process. `limited` counts refusals by its label: `key`, `tenant`, `address`."""

    def __init__(
        self, rates: CallerRates, limited: Counter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        def bucket(name: str, per_second: int) -> Bucket:
            rate = Rate(int(per_second * WINDOW_SECONDS), WINDOW_SECONDS)
            return Bucket(limited.labels(name), rate, clock)

        self._keys = bucket("key", rates.key)
        self._tenants = bucket("tenant", rates.tenant)
        self._strangers = bucket("address", rates.stranger)
        self._lookups = bucket("address", rates.lookups)
        # Keys that were good, the one used longest ago first: by their hash of this process alone.
        self._good: OrderedDict[int, None] = OrderedDict()

    def charge_key(self, key: str) -> None:
        """Count a request with a valid key. Raises TooMany."""
        # By its hash alone: the key itself is kept nowhere.
        self._good[hash(key)] = None
        self._good.move_to_end(hash(key))
        if len(self._good) > GOOD_KEYS:
            self._good.popitem(last=False)
        self._keys.spend(hash(key))

    def charge_tenant(self, tenant: str | None) -> None:
        """Count what was let in against its tenant; an operator's against none. Raises TooMany."""
        if tenant is not None:
            self._tenants.spend(tenant)

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
