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

RESET = "reset-"
USER_AGENT = "Bellwire-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to deliver: `id` is the event's offset, `body` the event's own bytes, `traceparent` theirs."""

    id: str
    type: str
    body: bytes
    traceparent: str | None = None


def derive_secret(pods_secret: bytes, endpoint: UUID, generation: int) -> str:
    """Return an endpoint's secret, `whsec_…` around 32 bytes; each generation has another."""
    label = b"bellwire webhook secret\0" + endpoint.bytes + generation.to_bytes(4)
    return "whsec_" + base64.b64encode(hmac.digest(pods_secret, label, hashlib.sha256)).decode()


def message_of(event: Event) -> Message:
    """The message that carries an event."""
    return Message(str(event.offset), event.type, event.payload, traceparent_of(event.payload))


def reset_message(tenant: str, to: Offset, reason: str, now: datetime) -> Message:
    """The message that says that history before `to` cannot be delivered."""
    document = {
        "type": "reset", "tenant": tenant, "to": str(to), "reason": reason, "timestamp": moment_text(now)
    }  # fmt: skip
    return Message(reset_id(to), "reset", orjson.dumps(document))


def reset_id(to: Offset) -> str:
    """The `webhook-id` of the message that says that history before `to` cannot be delivered."""
    return f"{RESET}{to}"


def ping_message(tenant: str, endpoint: UUID, ping: UUID, now: datetime) -> Message:
    """The message that says nothing: it shows whether an endpoint takes what is signed."""
    document = {"type": "ping", "tenant": tenant, "webhookId": str(endpoint), "timestamp": moment_text(now)}
    return Message(f"ping-{ping}", "ping", orjson.dumps(document))


def moment_text(moment: datetime) -> str:
    """A moment in UTC, as the contract writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
