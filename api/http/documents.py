"""The routes' answers, as models: `/openapi.json` is written from them.

Answers are not made through these (many are bytes that the database finished); tests hold every answer to its model.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from backbone.runtime.openapi import Answer

OFFSET = {"type": "string", "pattern": "^[0-9]+-[0-9]+$", "examples": ["1-42"]}
Position = Annotated[str, WithJsonSchema(OFFSET)]
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
CalendarDay = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
Money = Annotated[
    Decimal, WithJsonSchema({"type": "number", "description": "At most two decimals.", "examples": [10.5]})
]
Status = Literal["pending", "preparing", "ready", "completed", "cancelled"]


class OrderPlaced(Answer):
    """An order that is committed."""

    order_id: UUID
    order_number: str
    status: Literal["pending"]
    total_amount: Money
    offset: Position | None = Field(description="Its event; null for a source that makes none.")


class OrderItem(Answer):
    """One line of an order."""

    name: str
    quantity: int
    unit_price: Money
    notes: str | None


class Order(Answer):
    """An order as it stands."""

    order_id: UUID
    order_number: str
    status: Status
    order_source: str
    order_type: str
    customer_name: str
    customer_phone: str | None
    customer_email: str | None
    items: list[OrderItem]
    total_amount: Money
    special_instructions: str | None
    offset: Position | None
    created_at: Moment
    updated_at: Moment


class OrderList(Answer):
    """Orders, newest first."""

    orders: list[Order]
    offset: Position = Field(
        description="The log's head that this very page is of: a stream behind it goes on."
    )
    next: str | None = Field(description="The `after` that asks for the next page; null on the last one.")


class StatusStep(Answer):
    """When an order came to a status."""

    status: Status
    at: Moment


class Receipt(Answer):
    """When a terminal first had an order: by its stream's acks, or because a list showed it."""

    terminal_id: UUID
    name: str
    acked_at: Moment
    by: Literal["stream", "list", "webhook"]


class OrderInFull(Order):
    """An order with what became of it."""

    history: list[StatusStep]
    receipts: list[Receipt]


class Connection(Answer):
    """A time for which a terminal was connected; `to` is null while it is."""

    from_: Moment = Field(alias="from")
    to: Moment | None
    gateway: str | None = Field(description="Null for one that polled.")
    door: Literal["websocket", "sse", "polling"]
    code: int | None = Field(description="With which the connection was closed, where that is known.")


class ConnectionInFull(Connection):
    """The same, with where it came from and what it was sent."""

    address: str | None = Field(default=None, description="For operators, and for 30 days.")
    agent: str | None = Field(default=None, description="For operators.")
    first_offset: Position = Field(description="Behind which it began.")
    last_offset: Position = Field(description="Up to which it was sent.")


class ConnectionList(Answer):
    """A terminal's last connections, newest first."""

    connections: list[ConnectionInFull]


class TerminalOfJourney(Answer):
    """A terminal, and its part in an order's journey."""

    terminal_id: UUID
    name: str
    connected: list[Connection] = Field(description="While the order was pending.")
    sent_before: bool = Field(description="A stream of it had come past the order.")
    acked_at: Moment | None


class AlarmOfJourney(Answer):
    """An alarm, or its end."""

    type: Literal["order_unacknowledged", "order_acknowledged"]
    at: Moment
    offset: Position
    attempt: int | None
    waited_seconds: int | None


class WebhookOfJourney(Answer):
    """A webhook endpoint, and its part in an order's journey."""

    webhook_id: UUID
    url: str
    counts: bool
    enabled: bool
    sent_before: bool = Field(description="It has answered for the order, or was to pass it over.")
    failures: int
    last_outcome: str | None
    acked_at: Moment | None


class OrderJourney(Answer):
    """An order, and all that became of it."""

    committed: Moment
    announced: Moment | None = Field(description="When its event was; null where its source makes none.")
    terminals: list[TerminalOfJourney]
    status: list[StatusStep]
    alarms: list[AlarmOfJourney]
    webhooks: list[WebhookOfJourney]


class StatusChanged(Answer):
    """A step that is committed."""

    order_id: UUID
    order_number: str
    status: Status
    previous_status: Status
    offset: Position | None


class CardSold(Answer):
    """A gift card; its number is said here, once."""

    card_number: str
    balance: Money
    expiry_date: CalendarDay | None
    offset: Position


class CardBalance(Answer):
    """The balance of a gift card."""

    balance: Money
    expiry_date: CalendarDay | None


class CardRedeemed(Answer):
    """The balance that is left on a gift card."""

    balance: Money
    offset: Position


class PointsChanged(Answer):
    """A change of points that is committed."""

    customer_id: UUID
    new_balance: int
    offset: Position


class PointsTransaction(Answer):
    """One line of a loyalty ledger."""

    transaction_type: Literal["add", "redeem"]
    points_change: int
    new_balance: int
    reason: str | None
    timestamp: Moment


class Account(Answer):
    """A loyalty account with its newest transactions."""

    customer_id: UUID
    new_balance: int
    transactions: list[PointsTransaction]


class EventDocument(Answer):
    """One event, the same on every door; `data` is as its type has it."""

    type: str
    tenant: str
    offset: Position
    id: str
    timestamp: Moment
    data: dict[str, Any]


class Reset(Answer):
    """History before `to` cannot be replayed."""

    to: Position
    reason: Literal["retention", "epoch", "unknown_offset"]


class EventPage(Answer):
    """The next events; ask on with `offset`."""

    events: list[EventDocument]
    offset: Position
    head: Position
    more: bool
    reading: UUID = Field(description="The name of the reading that an ack of this page belongs to.")
    reset: Reset = Field(default=None, description="Only there when something cannot be replayed.")  # type: ignore[assignment]


class ReportStored(Answer):
    """A daily report that was kept."""

    terminal_id: UUID
    business_date: CalendarDay


class Report(ReportStored):
    """One till's day."""

    terminal_name: str
    received_at: Moment
    totals: dict[str, Any]


class ReportList(Answer):
    """Daily reports, newest day first."""

    reports: list[Report]


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
    oldest_unacked_seconds: float | None


class TenantOpened(Answer):
    """A new tenant; the key is said here, once."""

    tenant: str
    storefront_key: str


class TenantSettings(Answer):
    """A tenant and its settings."""

    tenant: str
    name: str
    ack_deadline_seconds: int
    alarm_repeats: int = Field(description="Alarms of an order besides the first.")
    alarm_roles: list[str] | None = Field(
        description="The roles whose acks count for the alarm; null is all."
    )
    points_per_unit: Annotated[Decimal, WithJsonSchema({"type": "number"})] | None
    time_zone: str
    paused: bool
    paused_reason: str | None
    disabled: bool
    test: bool
    created_at: Moment


class TenantList(Answer):
    """Tenants, by slug."""

    tenants: list[TenantSettings]
    next: str | None = Field(description="The `after` that asks for the next page; null on the last one.")


class TerminalRegistered(Answer):
    """A new terminal; the key is said here, once."""

    terminal_id: UUID
    name: str
    role: str | None
    key: str


class TerminalRotated(Answer):
    """A terminal's new key, said here, once; until then the one before is valid too."""

    terminal_id: UUID
    key: str
    previous_valid_until: Moment | None


class StorefrontKey(Answer):
    """A storefront key by its name; `createdBy` is the name of the key that made it."""

    key_id: str
    name: str | None
    created_at: Moment
    created_by: str | None
    expires_at: Moment | None
    last_used_at: Moment | None
    may_pair: bool


class KeyMade(StorefrontKey):
    """A new storefront key; the key is said here, once."""

    key: str


class KeyList(Answer):
    """The storefront keys of a tenant that are valid, oldest first."""

    keys: list[StorefrontKey]


class PairingStanding(Answer):
    """A pairing code, never itself; `terminalId` is the terminal that came of it."""

    pairing_id: UUID
    name: str
    role: str | None
    created_at: Moment
    created_by: str
    expires_at: Moment
    terminal_id: UUID | None


class PairingMade(PairingStanding):
    """A new pairing code; it is said here, once."""

    code: str


class PairingList(Answer):
    """The codes of a tenant that may still be typed, oldest first."""

    pairings: list[PairingStanding]


class TerminalPaired(Answer):
    """A terminal that came of a code; the key is said here, once."""

    tenant: str
    terminal_id: UUID
    name: str
    key: str


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


class TerminalStanding(Answer):
    """A terminal, and whether it listens."""

    terminal_id: UUID
    name: str
    role: str | None
    online: bool
    gateway: str | None
    last_seen: Moment | None
    acked_offset: Position | None
    lag: int | None


class TerminalList(Answer):
    """The terminals of a tenant, oldest first."""

    terminals: list[TerminalStanding]


class Whoami(Answer):
    """The kind and the owner of a key; a field that does not apply is null."""

    kind: Literal["op", "store", "term"]
    tenant: str | None
    terminal_id: UUID | None
    acked_offset: Position | None = Field(description="A terminal's newest ack.")


class WebhookMade(Answer):
    """A new endpoint; its secret is shown here and nowhere else."""

    id: UUID
    url: str
    types: list[str] | None
    counts: bool
    secret: str


class Webhook(Answer):
    """An endpoint, and how it fares."""

    id: UUID
    url: str
    types: list[str] | None
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


class WebhookRotated(Answer):
    """An endpoint's new secret; until then the one before signs too."""

    id: UUID
    secret: str
    previous_valid_until: Moment
