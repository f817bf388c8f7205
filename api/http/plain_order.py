"""The order that nearly every storefront sends, read in one go: names, whole quantities, prices, notes, a customer.

Knows no error. A body that it cannot take as it stands is None, and is read by `OrderBody`, which cleans texts and
names what is wrong. One that it takes is the order that `OrderBody` would make of it; a test compares the two.

Why: docs/decisions/0124-what-an-order-costs.md
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert

from api.core.currency import Currency
from api.core.money import MAX_UNITS, plain_cents
from api.core.order_items import Item
from api.core.orders import NewOrder, number_of
from api.core.quantity import MAX_QUANTITY, WHOLE
from api.core.text import is_plain_name
from api.http.body import LONG_TEXT

MAX_ITEMS = 100
"""Of a plain order. Others may have more."""

_Name = Annotated[str, Meta(min_length=1, max_length=256)]
_Word = Annotated[str, Meta(min_length=1, max_length=64)]
_Text = Annotated[str, Meta(max_length=LONG_TEXT)]
_Price = Annotated[int, Meta(ge=0, le=MAX_UNITS)] | Annotated[float, Meta(ge=0, le=MAX_UNITS)]


class _Line(Struct, rename="camel", forbid_unknown_fields=True):
    name: _Name
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
    unit_price: _Price
    notes: _Text | None = None


class _Order(Struct, rename="camel", forbid_unknown_fields=True):
    order_type: _Word
    items: Annotated[list[_Line], Meta(min_length=1, max_length=MAX_ITEMS)]
    order_source: _Word = "online"
    customer_name: _Name | None = None
    customer_phone: Annotated[str, Meta(max_length=32)] | None = None
    customer_email: Annotated[str, Meta(max_length=254)] | None = None
    special_instructions: _Text | None = None
    total_amount: _Price | None = None
    tenant: str | None = None


class PlainOrder:
    """A body that was taken as it stands; of `OrderBody` it has what is asked of either."""

    __slots__ = ("_items", "_said", "currency", "tenant", "total_amount")

    def __init__(self, said: _Order, items: tuple[Item, ...], total_cents: int | None) -> None:
        self.tenant = said.tenant
        self.total_amount = total_cents
        self.currency: str | None = None
        self._said = said
        self._items = items

    def order(self, country: str | None, currency: Currency) -> NewOrder:
        """The order as the core knows it, of a tenant in this country, in whose currency it was read."""
        said = self._said
        return NewOrder(
            said.order_source,
            said.order_type,
            said.customer_name,
            said.customer_phone,
            said.customer_email,
            self._items,
            said.special_instructions,
            number=number_of(said.customer_phone, country),
            currency=currency,
        )


def read_plain_order(body: dict[str, Any]) -> PlainOrder | None:
    """Read a body that was JSON without fault, with two decimals; None is one that is not plain, or not right."""
    try:
        said = convert(body, _Order)
    except ValidationError:
        return None
    if not (
        is_plain_name(said.order_type)
        and is_plain_name(said.order_source)
        and (said.customer_name is None or is_plain_name(said.customer_name))
        and (said.customer_phone is None or said.customer_phone.isprintable())
        and (said.customer_email is None or said.customer_email.isprintable())
        and (said.special_instructions is None or said.special_instructions.isprintable())
    ):
        return None
    items = []
    for line in said.items:
        cents = plain_cents(line.unit_price)
        if cents is None or not (
            is_plain_name(line.name) and (line.notes is None or line.notes.isprintable())
        ):
            return None
        items.append(Item(line.name, line.quantity * WHOLE, cents, line.notes))
    total = None if said.total_amount is None else plain_cents(said.total_amount)
    if total is None and said.total_amount is not None:
        return None
    return PlainOrder(said, tuple(items), total)
