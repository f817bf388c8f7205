"""Limits on requests: per key, per tenant, per address of strangers, at once, and for wrong gift card numbers.

Each pod counts for itself, in memory: no answer depends on Redis, and a limit is a wall against floods, not a tariff.

Why: docs/decisions/0061-limits-per-pod.md
"""

import time
from collections.abc import Callable

from api.guesses import Guesses
from api.in_flight import InFlight
from api.metrics import LIMITED
from api.settings import ApiSettings
from backbone.runtime.caller_limits import CallerLimits, CallerRates


class Limits:
    """The limits of a pod."""

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        rates = CallerRates(
            settings.key_rate, settings.tenant_rate, settings.stranger_rate, settings.stranger_lookups
        )
        self.callers = CallerLimits(rates, LIMITED, clock)
        self.in_flight = InFlight(settings.key_in_flight)
        self.guesses = Guesses(settings, clock)
