"""The answers about tenants: their settings, their standing, their audit trail."""

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from api.http.documents.values import Moment, Position
from backbone.runtime.openapi import Answer


class Receiver(Answer):
    """A terminal that is there, or a webhook endpoint that counts: its receipts count for the alarm."""

    terminal_id: UUID = Field(default=None)  # type: ignore[assignment]
    name: str = Field(default=None)  # type: ignore[assignment]
    role: str | None = Field(default=None)
    webhook_id: UUID = Field(default=None)  # type: ignore[assignment]


class TenantStanding(Answer):
    """Whether anybody is listening."""

    head: Position
    terminals_online: int
    accepting_orders: bool = Field(description="There is a receiver, and the shop is not paused.")
    receivers: list[Receiver]
    paused: bool
    paused_reason: str | None
    preparation_minutes: int
    oldest_unacked_seconds: float | None


class TenantOpened(Answer):
    """A new tenant; the key is said here, once."""

    tenant: str
    storefront_key: str


class OrderSourceShown(Answer):
    """A word that orders may have as their source."""

    name: str
    broadcast: bool = Field(description="Its orders make events, and alarms where nobody sees them.")


class TenantSettings(Answer):
    """A tenant and its settings."""

    tenant: str
    name: str
    ack_deadline_seconds: int
    alarm_repeats: int = Field(description="Alarms of an order besides the first.")
    alarm_roles: list[str] | None = Field(
        description="The roles whose acks count for the alarm; null is all."
    )
    alarm_scope: Literal["any", "each-station"] = Field(
        description="An order is seen when anybody saw it, or each of its stations that has a terminal online."
    )
    points_per_unit: Annotated[Decimal, WithJsonSchema({"type": "number"})] | None
    order_sources: list[OrderSourceShown] = Field(
        description="The words that orders may have as their source: the five that are built in, and the tenant's own."
    )
    currency: str | None = Field(
        description="ISO 4217; its decimals are those of every amount. Null: two decimals."
    )
    time_zone: str
    preparation_minutes: int
    country: str | None = Field(description="Where a national phone number is from.")
    paused: bool
    paused_reason: str | None
    disabled: bool
    test: bool
    created_at: Moment


class TenantList(Answer):
    """Tenants, by slug."""

    tenants: list[TenantSettings]
    next: str | None = Field(description="The `after` that asks for the next page; null on the last one.")


class AuditRecord(Answer):
    """An act, when, by which key, from where; a row without a key is a command's, or somebody's without a valid one."""

    at: Moment
    kind: Literal["op", "store", "term"] | None
    key_id: str | None
    terminal_id: UUID | None
    address: str | None
    action: str
    facts: dict[str, Any]
    count: int = Field(description="How many of them this row stands for.")


class AuditPage(Answer):
    """A page of a tenant's audit trail, newest first."""

    entries: list[AuditRecord]
    next: str | None = Field(description="The `after` that asks for the next page; null on the last one.")
