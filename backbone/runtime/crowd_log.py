"""Lines that each tell something to somebody, and that a bad hour brings by the thousand: told while there is room.

So many a minute are told, at `info`; the others only at `debug`, and the next line that is told says how many those
were. Nothing is remembered of anybody. For lines about strangers see `backbone.runtime.seldom_log`.

Why: docs/decisions/0129-lines-of-a-crowd.md
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from backbone.contract.rate import Excess, Rate, spend

LINES = Rate(120, 60.0)


class CrowdLog:
    """A logger with room for so many lines a minute."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._full_at = 0.0
        self._left_out = 0

    def say(self, event: str, **facts: Any) -> None:
        """Tell an event, if there is room; `left_out` is how many were not told since the last one that was."""
        full_at = spend(self._full_at, self._clock(), LINES)
        if isinstance(full_at, Excess):
            self._left_out += 1
            self._log.debug(event, extra=facts)
            return
        self._full_at = full_at
        left_out = {"left_out": self._left_out} if self._left_out else {}
        self._left_out = 0
        self._log.info(event, extra={**facts, **left_out})
