"""A message as the Standard Webhooks specification has it: id, timestamp, and a signature by each valid secret.

Secrets are derived from the pod's own and stored nowhere, so that nobody can read one out of the database.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from standardwebhooks.webhooks import Webhook

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.contract.trace import HEADER as TRACEPARENT
from backbone.contract.trace import traceparent_of

USER_AGENT = "Bellwire-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to deliver: `id` is the event's offset, `body` the event's own bytes, `traceparent` theirs."""

    id: str
    body: bytes
    traceparent: str | None = None


def derive_secret(pods_secret: bytes, endpoint: UUID, generation: int) -> str:
    """Return an endpoint's secret, `whsec_…` around 32 bytes; each generation has another."""
    label = b"bellwire webhook secret\0" + endpoint.bytes + generation.to_bytes(4)
    return "whsec_" + base64.b64encode(hmac.digest(pods_secret, label, hashlib.sha256)).decode()


def message_of(event: Event) -> Message:
    """The message that carries an event."""
    return Message(str(event.offset), event.payload, traceparent_of(event.payload))


def reset_message(tenant: str, to: Offset, reason: str, now: datetime) -> Message:
    """The message that says that history before `to` cannot be delivered."""
    timestamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = {"type": "reset", "tenant": tenant, "to": str(to), "reason": reason, "timestamp": timestamp}
    return Message(f"reset-{to}", orjson.dumps(document))


def headers_of(message: Message, secrets: list[str], now: datetime) -> dict[str, str]:
    """Return the headers of an attempt made `now`, signed by every one of `secrets`."""
    text = message.body.decode()
    trace = {} if message.traceparent is None else {TRACEPARENT: message.traceparent}
    return {
        **trace,
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message.id, now, text) for secret in secrets),
    }
