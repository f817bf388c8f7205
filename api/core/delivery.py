"""The outcomes of an attempt to deliver to a webhook endpoint, and when the next one is due. Pure."""

from codecs import getincrementaldecoder
from dataclasses import dataclass
from enum import Enum
from unicodedata import category

MINUTE, HOUR = 60.0, 3600.0
WAITS = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds from one failed attempt to the next; the first attempt is made at once (Standard Webhooks)."""
LONGEST_WAIT = WAITS[-1]
EXCERPT_BYTES = 200
# These ask for patience or for another try; every other 4xx says that this very message is not wanted.
_PASSING = frozenset({408, 409, 425, 429})


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
    """One attempt. `retry_after` is how many seconds the endpoint asked for, if it did.

    `status` is None when nothing was answered. `answer` is the beginning of what was, safe to show.
    """

    outcome: Outcome
    retry_after: float | None = None
    status: int | None = None
    answer: str = ""
    milliseconds: int = 0


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


def refused_for_good(attempt: Attempt) -> bool:
    """Whether the endpoint said that it does not want this message, however often it comes."""
    return attempt.status is not None and 400 <= attempt.status < 500 and attempt.status not in _PASSING


def excerpt(raw: bytes) -> str:
    r"""Return the beginning of an answer as a text that is safe to show, of at most 200 bytes in UTF-8.

    Bytes that are no UTF-8, control characters but tab and newline, and those that turn a line's direction are U+FFFD.

    >>> excerpt(b"no such item\xff\x1b[31m") == "no such item\ufffd\ufffd[31m"
    True
    """
    # A character that the cut goes through is left out; it was none of the endpoint's faults.
    whole = len(raw) <= EXCERPT_BYTES
    text = getincrementaldecoder("utf-8")("replace").decode(raw[:EXCERPT_BYTES], final=whole)
    shown = "".join(_shown(character) for character in text.replace("\r\n", "\n"))
    return shown.encode()[:EXCERPT_BYTES].decode("utf-8", "ignore")


def _shown(character: str) -> str:
    # Control characters, what has no shape of its own, line ends of another kind.
    hidden = category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\t\n"
    return "\ufffd" if hidden else character


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
