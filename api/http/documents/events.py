"""The events, each as its type has it, and a page of them as polling answers it.

`/asyncapi.json` says them for sockets, streams and webhooks, `/openapi.json` for polling. No event is made through
these; tests hold every event that a cluster sends to its model, without a member too many.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.http.documents.orders import (
    Address,
    Courier,
    OrderAdjustment,
    OrderItem,
    OrderPayment,
    PhoneNumberRead,
)
from api.http.documents.values import CalendarDay, Moment, Money, Position, Status, StepWriter, sometimes
from backbone.runtime.openapi import Answer


class EventDocument(Answer):
    """The envelope, the same on every door."""

    tenant: str
    offset: Position
    id: str = Field(description="Unique everywhere.", examples=["evt_kitchen_1-42"])
    timestamp: Moment
    traceparent: str = Field(
        default="",
        pattern="^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        description="Only where the request that made the event carried one.",
    )


class NewOrderData(Answer):
    """An order as it was placed. A member that the order was not given is not there, where its description says so."""

    order_id: UUID
    order_number: str
    status: Literal["pending"]
    order_source: str = Field(description="As the tenant spells it.")
    order_type: str
    customer_name: str | None
    customer_phone: str | None = Field(description="As it was written.")
    customer_phone_number: PhoneNumberRead | None
    customer_email: str | None
    items: list[OrderItem] = sometimes("Not in a thin event.")
    items_omitted: Literal[True] = sometimes("Only in a thin event: `GET …/orders/{orderId}` has the items.")
    item_count: int = sometimes("Only in a thin event.")
    omitted: list[
        Literal["metadata", "adjustments", "payments", "specialInstructions", "deliveryAddress"]
    ] = sometimes("Only in a thin event: what else was left out, if anything was.")
    total_amount: Money
    amount_paid: Money
    amount_due: Money
    special_instructions: str | None = sometimes("Null where there are none.")
    stations: list[str] = Field(description="Those that the items name, sorted.")
    categories: list[str] = Field(description="Likewise.")
    due_at: Moment = Field(description="Deadlines count from then.")
    scheduled_for: Moment = sometimes()
    currency: str = sometimes("Only where the tenant has one (ISO 4217).")
    external_id: str = sometimes()
    adjustments: list[OrderAdjustment] = sometimes("Only where there are any.")
    payments: list[OrderPayment] = sometimes("Only where there are any.")
    delivery_address: Address | None = sometimes()
    table_number: str = sometimes()
    guests: int = sometimes()
    courier: Courier | None = sometimes()
    metadata: dict[str, Any] | None = sometimes()


class OrderUpdatedData(Answer):
    """A step of an order."""

    order_id: UUID
    order_number: str
    status: Status
    previous_status: Status
    by: StepWriter | None = Field(description="Null for a pod of a release before 0.2.")
    reason: str | None = sometimes()
    ready_at: Moment = sometimes()


class OrderPaidData(Answer):
    """A payment that came after the order was placed, and what is paid and due by it."""

    order_id: UUID
    order_number: str
    payment_id: UUID
    method: str
    amount: Money
    status: Literal["authorized", "paid"]
    reference: str | None = sometimes()
    amount_paid: Money
    amount_due: Money
    by: StepWriter | None


class OrderRefundedData(Answer):
    """Money of an order that was given back, and what is paid and due by it."""

    order_id: UUID
    order_number: str
    refund_id: UUID
    amount: Money
    reason: str | None = sometimes()
    refunded_total: Money
    amount_paid: Money
    amount_due: Money
    by: StepWriter | None


class CardPurchasedData(Answer):
    """A gift card that was sold."""

    card_number: str = Field(description="Masked but for the last four.")
    balance: Money
    purchased_by: str
    recipient_name: str | None
    recipient_email: str | None
    expiry_date: CalendarDay | None


class CardWriter(StepWriter):
    """The writer of a movement on a card; operators may void one."""

    kind: Literal["term", "store", "op", "system"]  # type: ignore[assignment]


class CardMovementData(Answer):
    """A movement on a gift card: how much, and what the card has then."""

    card_number: str = Field(description="Masked but for the last four.")
    amount: Money
    balance: Money
    order_id: str | None


class CardRedeemedData(CardMovementData):
    """A gift card that was used at a till."""

    redemption_id: UUID = sometimes("Not in events of a release before 0.2.")
    by: CardWriter | None = sometimes("Not in events of a release before 0.2.")


class CardMovedData(CardMovementData):
    """A movement that is no redemption; of one that belongs to no order both ids are null."""

    redemption_id: UUID | None
    by: CardWriter | None
    reason: str | None = sometimes()


class CardToppedUpData(CardMovedData):
    """Money that was put on a gift card."""

    purchased_by: str


class PointsData(Answer):
    """A change of a loyalty account."""

    customer_id: UUID
    customer_phone: str | None
    points_change: int = Field(description="Below 0 for points that were redeemed.")
    new_balance: int
    transaction_type: Literal["add", "redeem"]
    reason: str | None


class OrderUnacknowledgedData(Answer):
    """An order that nobody who counts has seen in time."""

    order_id: UUID
    order_number: str
    order_offset: Position
    waited_seconds: int
    attempt: int


class OrderAcknowledgedData(Answer):
    """An order that had an alarm, and was seen: by a terminal, or by a webhook endpoint that counts."""

    order_id: UUID
    order_number: str
    terminal_id: UUID = sometimes("Of a terminal that saw it.")
    webhook_id: UUID = sometimes("Of an endpoint that did.")
    waited_seconds: int
    attempts: int


class NewOrderEvent(EventDocument):
    """An order of a source that broadcasts is committed."""

    type: Literal["new_order"]
    data: NewOrderData


class OrderUpdatedEvent(EventDocument):
    """The status of an order changed."""

    type: Literal["order_updated"]
    data: OrderUpdatedData


class OrderPaidEvent(EventDocument):
    """An order was paid, or a part of it."""

    type: Literal["order_paid"]
    data: OrderPaidData


class OrderRefundedEvent(EventDocument):
    """Money of an order was given back outside."""

    type: Literal["order_refunded"]
    data: OrderRefundedData


class GiftCardPurchasedEvent(EventDocument):
    """A gift card was sold."""

    type: Literal["gift_card_purchased"]
    data: CardPurchasedData


class GiftCardRedeemedEvent(EventDocument):
    """A gift card was used."""

    type: Literal["gift_card_redeemed"]
    data: CardRedeemedData


class GiftCardRefundedEvent(EventDocument):
    """Money came back to a gift card."""

    type: Literal["gift_card_refunded"]
    data: CardMovedData


class GiftCardToppedUpEvent(EventDocument):
    """Money was put on a gift card."""

    type: Literal["gift_card_topped_up"]
    data: CardToppedUpData


class GiftCardVoidedEvent(EventDocument):
    """A gift card is good for nothing any more; `amount` is what it had."""

    type: Literal["gift_card_voided"]
    data: CardMovedData


class LoyaltyUpdatedEvent(EventDocument):
    """Points were added or redeemed."""

    type: Literal["loyalty_updated"]
    data: PointsData


class OrderUnacknowledgedEvent(EventDocument):
    """An order was not seen within the tenant's deadline."""

    type: Literal["order_unacknowledged"]
    data: OrderUnacknowledgedData


class OrderAcknowledgedEvent(EventDocument):
    """An order that had an alarm was seen."""

    type: Literal["order_acknowledged"]
    data: OrderAcknowledgedData


AnyEvent = Annotated[
    NewOrderEvent
    | OrderUpdatedEvent
    | OrderPaidEvent
    | OrderRefundedEvent
    | GiftCardPurchasedEvent
    | GiftCardRedeemedEvent
    | GiftCardRefundedEvent
    | GiftCardToppedUpEvent
    | GiftCardVoidedEvent
    | LoyaltyUpdatedEvent
    | OrderUnacknowledgedEvent
    | OrderAcknowledgedEvent,
    Field(discriminator="type"),
]
"""The events by their types. A test fails for a type that is not here."""


class Reset(Answer):
    """History before `to` cannot be replayed."""

    to: Position
    reason: Literal["retention", "epoch", "unknown_offset"]


class EventPage(Answer):
    """The next events; ask on with `offset`."""

    events: list[AnyEvent]
    offset: Position
    head: Position
    more: bool
    reading: UUID = Field(description="The name of the reading that an ack of this page belongs to.")
    reset: Reset = sometimes("Only there when something cannot be replayed.")
