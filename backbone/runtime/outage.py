"""A trouble that is met again and again is told once, then at most every 30 s with how often, and when it is over."""

import logging
import time

AGAIN_SECONDS = 30.0


class Outage:
    """One kind of trouble with one server. `hint` says what it means and what to do, for who reads the log."""

    def __init__(self, log: logging.Logger, event: str, hint: str) -> None:
        self._log = log
        self._event = event
        self._hint = hint
        self._told_at = self._met_at = self._since = 0.0
        self._times = 0
        self.going_on = False

    def met(self, now: float | None = None, **facts: object) -> None:
        """It was met, at `now` (monotonic)."""
        now = time.monotonic() if now is None else now
        self._times += 1
        self._met_at = now
        if not self.going_on:
            self._since = now
        if self.going_on and now - self._told_at < AGAIN_SECONDS:
            return
        lasting = {"seconds": round(now - self._since), "times": self._times} if self.going_on else {}
        self._log.warning(self._event, extra={**facts, **lasting, "hint": self._hint})
        self.going_on, self._told_at, self._times = True, now, 0

    def worked(self, now: float | None = None) -> None:
        """It went well this time. Over it is when it has not been met for as long as lies between two lines: what comes
        and goes is one outage, and does not fill the log either."""
        if not self.going_on:
            return
        now = time.monotonic() if now is None else now
        if now - self._met_at >= AGAIN_SECONDS:
            self.going_on = False
            self._log.info(f"{self._event}.over", extra={"seconds": round(self._met_at - self._since)})
