"""An order as its sender writes it: the body of the route that places one, and the core's order made from it."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool, WithJsonSchema

from api.core.currency import Currency
from api.core.metadata import check_metadata
from api.core.money import DECIMALS
from api.core.order_items import Adjustment, AdjustmentKind, Item, Modifier
from api.core.orders import NewOrder, number_of
from api.core.payments import Payment, PaymentStatus
from api.http.body import (
    Body,
    Cents,
    CurrencyCode,
    Email,
    ExternalId,
    FilledLine,
    Line,
    MomentOf,
    Name,
    Phone,
    Plain,
    Quantity,
    RouteName,
    SignedCents,
    Text,
    TotalCents,
    Word,
    check_body,
)
from api.http.plain_order import PlainOrder, read_plain_order

MAX_BYTES = 256 * 1024
"""So many bytes the body may have: an order of 500 lines with notes and modifiers."""
MAX_ITEMS = 500
MAX_ITEM_MODIFIERS = 50
MAX_MODIFIERS_UNDER_ONE = 20
MAX_ADJUSTMENTS = 50
MAX_PAYMENTS = 20

Count = Annotated[int, Field(ge=1, le=100)]
Kind = Annotated[
    AdjustmentKind,
    Field(strict=False),
    WithJsonSchema({"type": "string", "enum": [kind.value for kind in AdjustmentKind]}),
]
PaymentKind = Annotated[
    PaymentStatus,
    Field(strict=False),
    WithJsonSchema({"type": "string", "enum": [status.value for status in PaymentStatus]}),
]
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(check_metadata),
    WithJsonSchema(
        {"type": "object", "description": "At most 2 KiB as JSON, at most 8 deep; the same value comes out."}
    ),
]


class UnderModifierBody(Body):
    """A modifier of a modifier."""

    name: Name
    quantity: Count = 1
    unit_price: SignedCents = 0
    sku: FilledLine | None = None


class ModifierBody(UnderModifierBody):
    """An addition to an item. Its quantity multiplies what lies under it; its price may be negative."""

    modifiers: Annotated[list[UnderModifierBody], Field(max_length=MAX_MODIFIERS_UNDER_ONE)] | None = None


class ItemBody(Body):
    """One line of an order."""

    name: Name
    quantity: Quantity
    unit_price: Cents
    notes: Text | None = None
    unit: FilledLine | None = None
    sku: FilledLine | None = None
    category: RouteName | None = None
    station: RouteName | None = None
    modifiers: Annotated[list[ModifierBody], Field(max_length=MAX_ITEM_MODIFIERS)] | None = None

    def item(self) -> Item:
        """The line as the core knows it."""
        return Item(
            self.name,
            self.quantity,
            self.unit_price,
            self.notes,
            self.unit,
            self.sku,
            self.category,
            self.station,
            tuple(_modifier(modifier) for modifier in self.modifiers) if self.modifiers else (),
        )


class AdjustmentBody(Body):
    """An amount beside the items: discounts at most 0, taxes, fees, tips at least 0; `included` ones do not count."""

    kind: Kind
    name: Name
    amount: SignedCents
    included: StrictBool = False


class AddressBody(Body):
    """Where an order goes."""

    line1: FilledLine
    line2: Line | None = None
    city: Line | None = None
    postal_code: Line | None = None
    region: Line | None = None
    country: Line | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    instructions: Line | None = None


class CourierBody(Body):
    """The person who comes for an order."""

    name: Name | None = None
    phone: Line | None = None
    company: FilledLine | None = None


class PaymentBody(Body):
    """A payment, made or still to be made."""

    method: FilledLine
    amount: Cents
    status: PaymentKind
    reference: Line | None = None


class OrderBody(Body):
    """The body that places an order."""

    tenant: str | None = None
    order_source: Word = "online"
    external_id: ExternalId | None = None
    order_type: Word
    customer_name: Name | None = None
    customer_phone: Phone | None = None
    customer_email: Email | None = None
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=MAX_ITEMS)]
    special_instructions: Text | None = None
    adjustments: Annotated[list[AdjustmentBody], Field(max_length=MAX_ADJUSTMENTS)] | None = None
    total_amount: TotalCents | None = None
    currency: CurrencyCode | None = None
    payments: Annotated[list[PaymentBody], Field(max_length=MAX_PAYMENTS)] | None = None
    scheduled_for: MomentOf | None = None
    delivery_address: AddressBody | None = None
    table_number: FilledLine | None = None
    guests: Annotated[int, Field(ge=0, le=100_000)] | None = None
    courier: CourierBody | None = None
    metadata: Metadata | None = None

    def order(self, country: str | None, currency: Currency) -> NewOrder:
        """The order as the core knows it, of a tenant in this country, in whose currency it was read."""
        return NewOrder(
            self.order_source,
            self.order_type,
            self.customer_name,
            self.customer_phone,
            self.customer_email,
            tuple(item.item() for item in self.items),
            self.special_instructions,
            tuple(_adjustment(adjustment) for adjustment in self.adjustments or ()),
            _said(self.delivery_address),
            self.table_number,
            self.guests,
            _said(self.courier),
            self.metadata,
            self.external_id,
            self.scheduled_for,
            tuple(Payment(one.method, one.amount, one.status, one.reference) for one in self.payments or ()),
            number_of(self.customer_phone, country),
            currency,
        )


def check_order(plain: Plain, decimals: int) -> OrderBody | PlainOrder:
    """Check the body that places an order. Raises as `check_body`."""
    quick = read_plain_order(plain.value) if decimals == DECIMALS else None
    return quick or check_body(plain, OrderBody, decimals)


def _modifier(body: UnderModifierBody) -> Modifier:
    under = body.modifiers if isinstance(body, ModifierBody) else None
    return Modifier(
        body.name,
        body.quantity,
        body.unit_price,
        body.sku,
        tuple(_modifier(modifier) for modifier in under or ()),
    )


def _adjustment(body: AdjustmentBody) -> Adjustment:
    return Adjustment(body.kind, body.name, body.amount, body.included)


def _said(body: Body | None) -> dict[str, Any] | None:
    return None if body is None else body.model_dump(by_alias=True, exclude_none=True)
