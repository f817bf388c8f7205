"""The answers about webhook endpoints."""

from uuid import UUID

from pydantic import Field

from api.http.documents.values import Moment, Position
from backbone.runtime.openapi import Answer


class WebhookMade(Answer):
    """A new endpoint; its secret is shown here and nowhere else."""

    id: UUID
    url: str
    types: list[str] | None
    stations: list[str] | None
    categories: list[str] | None
    counts: bool
    secret: str


class Webhook(Answer):
    """An endpoint, and how it fares."""

    id: UUID
    url: str
    types: list[str] | None
    stations: list[str] | None
    categories: list[str] | None
    counts: bool = Field(description="Its 2xx for `new_order` is the receipt.")
    created_at: Moment
    enabled: bool
    disabled_reason: str | None = Field(
        description="`gone` (it answered 410) or `exhausted` (ten failures in a row)."
    )
    delivered_offset: Position
    lag: int = Field(description="Events that it has yet to get.")
    failures: int = Field(description="In a row.")
    next_attempt_at: Moment | None
    last_attempt_at: Moment | None
    last_outcome: str | None


class Webhooks(Answer):
    """A tenant's endpoints."""

    webhooks: list[Webhook]


class WebhookAttempt(Answer):
    """One attempt to deliver a message, and what the endpoint answered."""

    at: Moment
    id: str = Field(description="The message's `webhook-id`: an offset, or `reset-…`, or `ping-…`.")
    type: str
    outcome: str
    status: int | None = Field(description="Null: there was no answer.")
    milliseconds: int = Field(description="How long it took.")
    answer: str = Field(description="Its beginning, at most 200 bytes.")


class WebhookAttempts(Answer):
    """An endpoint's last attempts, newest first."""

    attempts: list[WebhookAttempt]


class WebhookRotated(Answer):
    """An endpoint's new secret; until then the one before signs too."""

    id: UUID
    secret: str
    previous_valid_until: Moment
