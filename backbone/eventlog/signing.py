"""A pod's trust in Redis: its signatures, by its settings, and the account of what did not fit.

Knows settings, a counter and the log. A message that is dropped here is no loss: PostgreSQL has every event.

Why: docs/decisions/0098-signed-messages.md
"""

import logging
import time
from enum import Enum
from typing import Literal

from backbone.contract.signature import Signatures
from backbone.runtime.metrics import REDIS_REFUSED
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.redis")

AGAIN_SECONDS = 60.0
REFUSED_HINT = (
    "nothing of it is shown and no event is lost: events come from PostgreSQL; somebody writes to this Redis who does "
    "not know BELLWIRE_REDIS_SECRET: see who can reach it, change its password, and that all pods have one secret"
)
UNSIGNED_HINT = (
    "everything in Redis is believed: who can write to it can show tills orders that nobody placed; give all pods one "
    "BELLWIRE_REDIS_SECRET, as docs/operations.md has it"
)

Way = Literal["live", "stream"]


class Misfit(Enum):
    """The fault of a message or an entry."""

    WRONG = "wrong"
    """Not of our form, or signed with no secret of ours, for another tenant, another offset, other bytes."""
    UNSIGNED = "unsigned"
    """An entry of our form without a signature: from a pod without a secret or of a release before 0.2."""


class Misfits:
    """Counts what Redis gave and we did not believe, and says so at once and then once a minute, with how often."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._told_at: float | None = None
        self._times = 0
        self._counters = {misfit: REDIS_REFUSED.labels(way, misfit.value) for misfit in Misfit}

    def met(self, misfit: Misfit, tenant: str, now: float | None = None) -> None:
        """One was met, at `now` (monotonic)."""
        now = time.monotonic() if now is None else now
        self._counters[misfit].inc()
        self._times += 1
        if self._told_at is not None and now - self._told_at < AGAIN_SECONDS:
            return
        log.warning(
            "redis.refused",
            extra={
                "way": self._way, "reason": misfit.value, "tenant": tenant, "times": self._times,
                "hint": REFUSED_HINT,
            },
        )  # fmt: skip
        self._told_at, self._times = now, 0


def signatures_of(settings: PodSettings) -> Signatures | None:
    """Return what a pod signs and checks with; None when it has no secret."""
    if settings.redis_secret is None:
        return None
    secrets = [settings.redis_secret]
    if settings.redis_secret_before is not None:
        secrets.append(settings.redis_secret_before)
    return Signatures(*(secret.get_secret_value() for secret in secrets))


def warn_if_unsigned(settings: PodSettings) -> None:
    """Say once, at a pod's start, that it believes whatever Redis says."""
    if settings.redis_secret is None:
        log.warning("redis.unsigned", extra={"hint": UNSIGNED_HINT})
