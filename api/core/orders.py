"""Orders: what they cost, which steps their status may take, and what their event says."""

from dataclasses import dataclass
from enum import Enum

import orjson

from api.core.money import json_cents


class OrderStatus(Enum):
    """Where an order stands."""

    PENDING = "pending"
    PREPARING = "preparing"
    READY = "ready"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


_FROM = {
    OrderStatus.PENDING: (),
    OrderStatus.PREPARING: (OrderStatus.PENDING,),
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
class Item:
    """One line of an order."""

    name: str
    quantity: int
    unit_price_cents: int
    notes: str | None


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it was asked for, checked."""

    source: str  # as it was asked for; the tenant's own spelling is the database's to say
    order_type: str
    customer_name: str
    customer_phone: str | None
    customer_email: str | None
    items: tuple[Item, ...]
    special_instructions: str | None

    @property
    def total_cents(self) -> int:
        """The price of all items together."""
        return sum(item.quantity * item.unit_price_cents for item in self.items)


def new_order_data(order: NewOrder) -> bytes:
    """Return the `data` of `new_order`, but for `orderId`, `orderNumber` and `orderSource`, which the database adds."""
    return orjson.dumps(
        {
            "status": OrderStatus.PENDING.value,
            "orderType": order.order_type,
            "customerName": order.customer_name,
            "customerPhone": order.customer_phone,
            "customerEmail": order.customer_email,
            "items": [
                {
                    "name": item.name,
                    "quantity": item.quantity,
                    "unitPrice": json_cents(item.unit_price_cents),
                    "notes": item.notes,
                }
                for item in order.items
            ],
            "totalAmount": json_cents(order.total_cents),
            "specialInstructions": order.special_instructions,
        }
    )
