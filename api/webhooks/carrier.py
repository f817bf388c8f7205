"""One attempt from end to end: sign a message by an endpoint's secrets, carry it there, note what came of it.

Knows no cursor: for the courier an attempt moves one, for a ping nothing.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from api.core.delivery import Attempt
from api.webhooks.attempts import AttemptLog
from api.webhooks.message import Message, derive_secret, headers_of
from api.webhooks.sender import Sender
from backbone.contract.trace import HEADER as TRACEPARENT
from backbone.runtime.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Recipient:
    """An endpoint's address, and which of its secrets sign: the `generation`, while `rotating` the one before too."""

    endpoint: UUID
    url: str
    generation: int
    rotating: bool


class Carrier:
    """Makes attempts. `secret` is the pods' own, from which those of endpoints are derived."""

    def __init__(self, sender: Sender, secret: bytes, attempts: AttemptLog, tracing: Tracing | None) -> None:
        self._sender = sender
        self._secret = secret
        self._attempts = attempts
        self._tracing = tracing

    async def carry(self, to: Recipient, message: Message) -> Attempt:
        """Make one attempt, and note it."""
        began, now = time.monotonic(), datetime.now(UTC)
        attempt = await self._send(to, message, now)
        attempt = replace(attempt, milliseconds=round((time.monotonic() - began) * 1000))
        self._attempts.note(to.endpoint, now, message, attempt)
        return attempt

    async def _send(self, to: Recipient, message: Message, now: datetime) -> Attempt:
        generations = [to.generation, to.generation - 1] if to.rotating else [to.generation]
        secrets = [derive_secret(self._secret, to.endpoint, generation) for generation in generations]
        headers = headers_of(message, secrets, now)
        if self._tracing is None:
            return await self._sender.send(to.url, headers, message.body)
        with self._tracing.client("webhook", message.traceparent) as span:
            headers[TRACEPARENT] = self._tracing.traceparent_of(span)
            attempt = await self._sender.send(to.url, headers, message.body)
            span.set_attribute("bellwire.outcome", attempt.outcome.value)
            return attempt
