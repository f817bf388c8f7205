"""One attempt from end to end: sign a message by an endpoint's secrets, carry it there, note what came of it.

Knows no cursor: for the courier an attempt moves one, for a ping nothing.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from api.core.delivery import Attempt
from api.core.signing import Signing
from api.webhooks.attempts import AttemptLog
from api.webhooks.endpoint_secrets import EndpointSecrets
from api.webhooks.message import Message, headers_of
from api.webhooks.sender import Sender
from backbone.contract.trace import HEADER as TRACEPARENT
from backbone.runtime.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Recipient:
    """An endpoint's address, and which of its secrets sign."""

    endpoint: UUID
    url: str
    signing: Signing


class Carrier:
    """Makes attempts, each signed with what `secrets` has for its endpoint."""

    def __init__(
        self, sender: Sender, secrets: EndpointSecrets, attempts: AttemptLog, tracing: Tracing | None
    ) -> None:
        self._sender = sender
        self.secrets = secrets
        self._attempts = attempts
        self._tracing = tracing

    async def carry(self, to: Recipient, message: Message) -> Attempt:
        """Make one attempt, and note it.

        Raises:
            Unavailable: the endpoint's secret is not known here.
        """
        began, now = time.monotonic(), datetime.now(UTC)
        attempt = await self._send(to, message, now)
        attempt = replace(attempt, milliseconds=round((time.monotonic() - began) * 1000))
        self._attempts.note(to.endpoint, now, message, attempt)
        return attempt

    async def _send(self, to: Recipient, message: Message, now: datetime) -> Attempt:
        headers = headers_of(message, self.secrets.signers(to.endpoint, to.signing), now)
        if self._tracing is None:
            return await self._sender.send(to.url, headers, message.body)
        with self._tracing.client("webhook", message.traceparent) as span:
            headers[TRACEPARENT] = self._tracing.traceparent_of(span)
            attempt = await self._sender.send(to.url, headers, message.body)
            span.set_attribute("bellwire.outcome", attempt.outcome.value)
            return attempt
