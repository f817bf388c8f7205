"""The answers about orders: one, many, its journey."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.http.documents.terminals import Connection
from api.http.documents.values import (
    Moment,
    Money,
    Position,
    Quantity,
    Status,
    StepWriter,
    Writer,
    sometimes,
)
from backbone.runtime.openapi import Answer

PhoneNumberRead = Annotated[
    str,
    Field(
        description="The number that was read: E.164, or bare digits where its country is not known. Null: none.",
        examples=["+447700900123"],
    ),
]


class Warned(Answer):
    """A field that was taken as it is, and what is wrong with it."""

    loc: str
    msg: str


class OrderPlaced(Answer):
    """An order that is committed."""

    order_id: UUID
    order_number: str
    status: Literal["pending"]
    total_amount: Money
    broadcast: bool = Field(description="Whether its source tells the tills.")
    offset: Position | None = Field(description="Its event; null where it is not broadcast.")
    customer_phone_number: PhoneNumberRead | None
    warnings: list[Warned] = Field(
        default=[], description="Fields that were taken as they are, and are of no use."
    )


class UnderModifier(Answer):
    """A modifier of a modifier."""

    name: str
    quantity: int
    unit_price: Money
    sku: str = Field(default="", description="Only where it was given.")


class OrderModifier(UnderModifier):
    """An addition to an item; its quantity multiplies what lies under it."""

    modifiers: list[UnderModifier] = Field(default=[], description="Only where there are any.")


class OrderItem(Answer):
    """One line of an order; `unit`, `sku`, `category`, `station`, `modifiers` are there only where they were given."""

    name: str
    quantity: Quantity
    unit_price: Money
    notes: str | None
    unit: str = Field(default="")
    sku: str = Field(default="")
    category: str = Field(default="")
    station: str = Field(default="")
    modifiers: list[OrderModifier] = Field(default=[])


class OrderAdjustment(Answer):
    """An amount beside the items; one that is `included` in their prices does not count."""

    kind: Literal["discount", "tax", "fee", "tip", "rounding"]
    name: str
    amount: Money
    included: bool


class OrderPayment(Answer):
    """A payment; `reference` is null in an event of a customer who was forgotten.

    Of one that came later answers say what follows, too.
    """

    method: str
    amount: Money
    status: Literal["due", "authorized", "paid"]
    reference: str | None = sometimes()
    payment_id: UUID = sometimes()
    at: Moment = sometimes()
    by: Writer | None = sometimes()


class OrderRefund(Answer):
    """Money that was given back outside; `reason` is there where it was given."""

    refund_id: UUID
    amount: Money
    reason: str = sometimes()
    at: Moment
    by: Writer | None


class OrderPaid(Answer):
    """A payment that was taken down."""

    payment_id: UUID
    amount_paid: Money
    amount_due: Money
    offset: Position | None = Field(description="Its event; null where the order is not broadcast.")


class OrderRefunded(Answer):
    """A refund that was taken down."""

    refund_id: UUID
    refunded_total: Money = Field(description="All refunds of the order.")
    offset: Position | None = Field(description="Its event; null where the order is not broadcast.")


class Address(Answer):
    """Where an order goes; what was not given is not there."""

    line1: str
    line2: str = Field(default="")
    city: str = Field(default="")
    postal_code: str = Field(default="")
    region: str = Field(default="")
    country: str = Field(default="")
    latitude: float = Field(default=0)
    longitude: float = Field(default=0)
    instructions: str = Field(default="")


class Courier(Answer):
    """The person who comes for an order; what was not given is not there."""

    name: str = Field(default="")
    phone: str = Field(default="")
    company: str = Field(default="")


class Order(Answer):
    """An order as it stands."""

    order_id: UUID
    order_number: str
    status: Status
    order_source: str = Field(description="As the tenant spells it.")
    broadcast: bool = Field(description="Whether the tills were told; for life.")
    external_id: str | None
    order_type: str
    customer_name: str | None
    customer_phone: str | None = Field(description="As it was written.")
    customer_phone_number: PhoneNumberRead | None
    customer_email: str | None
    items: list[OrderItem]
    total_amount: Money
    currency: str | None = Field(description="The tenant's (ISO 4217); null where it has none.")
    special_instructions: str | None
    adjustments: list[OrderAdjustment]
    payments: list[OrderPayment]
    refunds: list[OrderRefund]
    amount_paid: Money = Field(
        description="By payments that are paid, and by gift cards, less what was refunded and given back."
    )
    amount_due: Money = Field(description="The total less that.")
    scheduled_for: Moment | None
    due_at: Moment = Field(description="Deadlines count from then.")
    delivery_address: Address | None
    table_number: str | None
    guests: int | None
    courier: Courier | None
    metadata: dict[str, Any] | None
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
    """When an order came to a status, and by whom; null for a release that did not keep it."""

    status: Status
    at: Moment
    by: Writer | None
    reason: str | None
    ready_at: Moment | None


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


class ClaimOfJourney(Answer):
    """A purpose of the order, and the last terminal that claimed it."""

    purpose: str
    fence: int
    terminal_id: UUID
    name: str
    claimed_at: Moment
    expires_at: Moment
    done_at: Moment | None


class OrderJourney(Answer):
    """An order, and all that became of it."""

    committed: Moment
    announced: Moment | None = Field(description="When its event was; null where it was not broadcast.")
    terminals: list[TerminalOfJourney]
    status: list[StatusStep]
    alarms: list[AlarmOfJourney]
    webhooks: list[WebhookOfJourney]
    claims: list[ClaimOfJourney]


class CardNotReturned(Answer):
    """An amount that a gift card paid, and cannot get back because it was voided."""

    card_number: str = Field(description="Masked but for the last four.")
    redemption_id: UUID | None = Field(description="Null for one of before release 0.2.")
    amount: Money


class StatusChanged(Answer):
    """A step that is committed."""

    order_id: UUID
    order_number: str
    status: Status
    previous_status: Status
    by: StepWriter | None
    reason: str = Field(default="", description="Only where it was given.")
    ready_at: Moment = Field(default="", description="Only where it was given.")
    gift_cards_not_returned: list[CardNotReturned] = Field(
        default=[], description="Of a cancel, and only where there are any."
    )
    offset: Position | None
