"""Orders: what they cost, and which steps their status may take. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from api.core.currency import NO_CURRENCY, Currency
from api.core.moment import Moment
from api.core.money import DECIMALS, MAX_TOTAL, cents_figure, cents_text
from api.core.order_items import Adjustment, Item
from api.core.payments import Payment, PaymentStatus
from api.core.phones import NoNumber, PhoneNumber, read_phone
from api.core.quantity import WHOLE
from backbone.contract.errors import FieldError
from backbone.contract.names import folded

MAX_MODIFIERS = 2000
"""So many modifiers an order has at most, on both levels together."""


class OrderStatus(Enum):
    """Where an order stands."""

    PENDING = "pending"
    PREPARING = "preparing"
    READY = "ready"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


_FROM = {
    # A step back is a mistake undone.
    OrderStatus.PENDING: (OrderStatus.PREPARING,),
    OrderStatus.PREPARING: (OrderStatus.PENDING, OrderStatus.READY),
    OrderStatus.READY: (OrderStatus.PREPARING,),
    OrderStatus.COMPLETED: (OrderStatus.READY,),
    OrderStatus.CANCELLED: (OrderStatus.PENDING, OrderStatus.PREPARING, OrderStatus.READY),
}


def steps_into(status: OrderStatus) -> tuple[OrderStatus, ...]:
    """The statuses from which an order may take the step to `status`.

    >>> [status.value for status in steps_into(OrderStatus.CANCELLED)]
    ['pending', 'preparing', 'ready']
    """
    return _FROM[status]


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it was asked for. Address, courier and metadata are JSON that is handed on as it is."""

    source: str  # as it was asked for; the tenant's own spelling is the database's to say
    order_type: str
    customer_name: str | None
    customer_phone: str | None
    customer_email: str | None
    items: tuple[Item, ...]
    special_instructions: str | None
    adjustments: tuple[Adjustment, ...] = ()
    delivery_address: Mapping[str, Any] | None = None
    table_number: str | None = None
    guests: int | None = None
    courier: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    external_id: str | None = None
    scheduled_for: Moment | None = None
    payments: tuple[Payment, ...] = ()
    number: PhoneNumber | None = None
    """The customer's phone number as it was read; None where there is none, or it is no number."""
    currency: Currency = NO_CURRENCY
    """The one that its amounts were read in: the tenant's, as far as the pod knows."""

    @property
    def paid_cents(self) -> int:
        """The sum of the payments that are made."""
        return sum(payment.cents for payment in self.payments if payment.status is PaymentStatus.PAID)

    @property
    def stations(self) -> list[str]:
        """The stations that its items name, each once, sorted; two that differ in case alone are one."""
        return _names(item.station for item in self.items if item.station is not None)

    @property
    def categories(self) -> list[str]:
        """The categories, likewise."""
        return _names(item.category for item in self.items if item.category is not None)

    def detail(self) -> dict[str, Any]:
        """The members that a plain order does not have, as events and answers say them."""
        said = {
            "adjustments": [adjustment.document(self.currency.decimals) for adjustment in self.adjustments]
            or None,
            "deliveryAddress": self.delivery_address,
            "tableNumber": self.table_number,
            "guests": self.guests,
            "courier": self.courier,
            "metadata": self.metadata,
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Bill:
    """The price of an order: each line, and all of it. Sums are whole numbers, so they are exact.

    `plain`: the order has nothing but what nearly every order has: names, whole quantities, prices and notes, and who
    the customer is. Questions about such an order have short answers.
    """

    lines: tuple[int, ...]
    total_cents: int
    plain: bool = False


def reckon(order: NewOrder) -> Bill:
    """Add an order up: its lines, and the adjustments that are not in them already."""
    plain = (
        order.currency.decimals == DECIMALS
        and not (order.adjustments or order.payments)
        and order.delivery_address is None
        and order.table_number is None
        and order.guests is None
        and order.courier is None
        and order.metadata is None
        and order.external_id is None
        and order.scheduled_for is None
    )
    lines = []
    for item in order.items:
        if item.modifiers or item.quantity % WHOLE or item.unit_price_cents < 0:
            plain = False
            lines.append(item.line_cents)
        else:
            plain = plain and item.unit is item.sku is item.category is item.station is None
            lines.append(item.quantity // WHOLE * item.unit_price_cents)
    total = sum(lines)
    if order.adjustments:
        total += sum(adjustment.cents for adjustment in order.adjustments if not adjustment.included)
    return Bill(tuple(lines), total, plain)


def complaints(order: NewOrder, bill: Bill, said_total_cents: int | None) -> list[FieldError]:
    """The faults of an order as a whole, by field; `said_total_cents` is its sender's sum, if that was said."""
    if bill.plain and bill.total_cents <= MAX_TOTAL and said_total_cents in (None, bill.total_cents):
        return []
    decimals = order.currency.decimals
    wrong = [
        FieldError(f"items.{number}", f"costs {cents_text(cents, decimals)}, and must not cost less than 0")
        for number, cents in enumerate(bill.lines)
        if cents < 0
    ]
    if sum(modifier.count for item in order.items for modifier in item.modifiers) > MAX_MODIFIERS:
        wrong.append(FieldError("items", f"must not have more than {MAX_MODIFIERS} modifiers in all"))
    for number, adjustment in enumerate(order.adjustments):
        complaint = adjustment.complaint
        if complaint is not None:
            wrong.append(FieldError(f"adjustments.{number}.amount", complaint))
    if wrong:
        return wrong
    total = bill.total_cents
    comes_to = cents_text(total, decimals)
    if not 0 <= total <= MAX_TOTAL:
        why = f"comes to {comes_to}, and must be between 0 and {cents_figure(MAX_TOTAL, decimals)}"
        return [FieldError("totalAmount", why)]
    taken = sum(payment.cents for payment in order.payments if payment.status is not PaymentStatus.DUE)
    if taken > total:
        return [FieldError("payments", f"come to {cents_text(taken, decimals)}, and the order to {comes_to}")]
    if said_total_cents not in (None, total):
        assert said_total_cents is not None
        why = f"is {cents_text(said_total_cents, decimals)}, but what was ordered comes to {comes_to}"
        return [FieldError("totalAmount", why)]
    return []


def currency_complaints(said: str | None, currency: Currency) -> list[FieldError]:
    """The fault of the currency that an order names, if it names one: it has to be the shop's."""
    if said in (None, currency.code):
        return []
    if currency.code is None:
        return [FieldError("currency", "must not be there: the shop has no currency")]
    return [FieldError("currency", f"must be the shop's, which is {currency.code}")]


def _names(given: Any) -> list[str]:
    by_name: dict[str, str] = {}
    for name in given:
        by_name.setdefault(folded(name), name)
    return [by_name[name] for name in sorted(by_name)]


def number_of(phone: str | None, country: str | None) -> PhoneNumber | None:
    """Read the number of an order's customer; None where there is none, or it is no number."""
    try:
        return None if phone is None else read_phone(phone, country)
    except NoNumber:
        return None


def phone_members(order: NewOrder) -> dict[str, Any]:
    """Return what the answer says of the customer's number."""
    said: dict[str, Any] = {"customerPhoneNumber": None if order.number is None else order.number.text}
    if order.customer_phone is not None and order.number is None:
        said["warnings"] = [{"loc": "customerPhone", "msg": f"{NoNumber()}; the order earns no points"}]
    return said
