"""Log events that anybody can cause as often as they like: told at once, then once a minute with how often.

Bounded whatever happens: so many addresses are remembered, and so many lines a minute are written in all. Counters
count every one. No line ever holds a key.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backbone.contract.address import counted_as
from backbone.contract.rate import Excess, Rate, spend

AGAIN_SECONDS = 60.0
ADDRESSES = 10_000
LINES = Rate(60, 60.0)
"""Of all addresses together."""


@dataclass(slots=True)
class _Told:
    """When an address's event was told last, and how often it came since."""

    at: float = float("-inf")
    untold: int = 0


class SeldomLog:
    """A logger's lines about strangers."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        # The one that came longest ago is first.
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()
        self._full_at = 0.0

    def say(self, event: str, address: str | None, **facts: Any) -> None:
        """Tell an event of an address, if it is time to; `times` is how often it came since it was told last."""
        owner = counted_as(address or "")
        told = self._told.setdefault((event, owner), _Told())
        self._told.move_to_end((event, owner))
        if len(self._told) > ADDRESSES:
            self._told.popitem(last=False)
        told.untold += 1
        now = self._clock()
        if now - told.at < AGAIN_SECONDS:
            return
        full_at = spend(self._full_at, now, LINES)
        if isinstance(full_at, Excess):
            return
        self._full_at = full_at
        self._log.info(event, extra={"address": owner or None, "times": told.untold, **facts})
        told.at, told.untold = now, 0
