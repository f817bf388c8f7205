"""The outcomes of an attempt to deliver to a webhook endpoint, and when the next one is due. Pure."""

from dataclasses import dataclass
from enum import Enum

MINUTE, HOUR = 60.0, 3600.0
WAITS = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds from one failed attempt to the next; the first attempt is made at once (Standard Webhooks)."""
LONGEST_WAIT = WAITS[-1]


class Outcome(Enum):
    """The end of an attempt."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    REDIRECTED = "redirected"
    GONE = "gone"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `retry_after` is how many seconds the endpoint asked for, if it did."""

    outcome: Outcome
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Try again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """Try no more until somebody switches it on: `gone` (it said so) or `exhausted` (nothing helped)."""

    reason: str


def outcome_of(status: int) -> Outcome:
    """Return what an HTTP status means. A redirect is not followed: the registered address is the one that is meant."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if 300 <= status < 400:
        return Outcome.REDIRECTED
    return Outcome.GONE if status == 410 else Outcome.REJECTED


def after_failure(attempt: Attempt, failures: int, jitter: float, scale: float) -> Again | SwitchOff:
    """Decide behind the `failures`-th failed attempt in a row.

    `jitter` (0 to 1) spreads the wait over a fifth of itself; `scale` shortens the schedule for tests. An endpoint
    that asks for a longer wait gets it, up to a day.
    """
    if attempt.outcome is Outcome.GONE:
        return SwitchOff("gone")
    if failures > len(WAITS):
        return SwitchOff("exhausted")
    wait = WAITS[failures - 1] * scale * (0.9 + 0.2 * jitter)
    return Again(max(wait, min(attempt.retry_after or 0.0, LONGEST_WAIT)))
