"""The `data` of an order's events: in full where that fits into an event, else in the fullest form that does. Pure.

Why: docs/decisions/0115-orders-in-full.md
"""

from typing import Any

import orjson

from api.core.money import cents_text, json_cents
from api.core.orders import Bill, NewOrder, OrderStatus
from api.core.payments import due_cents
from api.core.quantity import WHOLE
from backbone.contract.event import MAX_EVENT_BYTES

ENVELOPE_BYTES = 1024
"""More than the envelope and what the database adds to the data ever take."""
NOTHING = json_cents(0)
LEFT_OUT = ("metadata", "adjustments", "payments", "specialInstructions", "deliveryAddress")
"""The members that a thin event is without, besides the items, once it has to be shorter still; in this order."""


def new_order_forms(order: NewOrder, bill: Bill) -> list[bytes]:
    """Return the `data` of `new_order` in each form that may fit, the fullest first; the shortest, where none can.

    `orderId`, `orderNumber`, `orderSource`, `dueAt` and `scheduledFor` are added by the database, which takes the first
    form that leaves room for them and for the envelope. A form without the items is thin, and says so.
    """
    full = _plain_data(order, bill) if bill.plain else _data(order, bill)
    written = orjson.dumps(full)
    forms = [written]
    if len(written) > MAX_EVENT_BYTES - ENVELOPE_BYTES:
        thin = {name: value for name, value in full.items() if name != "items"}
        thin |= {"itemsOmitted": True, "itemCount": len(order.items)}
        forms.append(orjson.dumps(thin))
        omitted: list[str] = []
        for name in LEFT_OUT:
            if thin.get(name) is not None:
                del thin[name]
                omitted.append(name)
                forms.append(orjson.dumps({**thin, "omitted": omitted}))
    return [form for form in forms if len(form) <= MAX_EVENT_BYTES] or forms[-1:]


def _plain_data(order: NewOrder, bill: Bill) -> dict[str, Any]:
    """As `_data`, of a plain order."""
    total = orjson.Fragment(cents_text(bill.total_cents))
    return {
        "status": "pending",
        "orderType": order.order_type,
        "customerName": order.customer_name,
        "customerPhone": order.customer_phone,
        "customerPhoneNumber": None if order.number is None else order.number.text,
        "customerEmail": order.customer_email,
        "items": [
            {
                "name": item.name,
                "quantity": item.quantity // WHOLE,
                "unitPrice": orjson.Fragment(cents_text(item.unit_price_cents)),
                "notes": item.notes,
            }
            for item in order.items
        ],
        "totalAmount": total,
        "specialInstructions": order.special_instructions,
        "stations": (),
        "categories": (),
        "amountPaid": NOTHING,
        "amountDue": total,
        **({} if order.currency.code is None else {"currency": order.currency.code}),
    }


def _data(order: NewOrder, bill: Bill) -> dict[str, Any]:
    decimals = order.currency.decimals
    return {
        "status": OrderStatus.PENDING.value,
        "orderType": order.order_type,
        "customerName": order.customer_name,
        "customerPhone": order.customer_phone,
        "customerPhoneNumber": None if order.number is None else order.number.text,
        "customerEmail": order.customer_email,
        "items": [item.document(decimals) for item in order.items],
        "totalAmount": json_cents(bill.total_cents, decimals),
        "specialInstructions": order.special_instructions,
        "stations": order.stations,
        "categories": order.categories,
        "amountPaid": json_cents(order.paid_cents, decimals),
        "amountDue": json_cents(due_cents(bill.total_cents, order.paid_cents), decimals),
        **({} if order.currency.code is None else {"currency": order.currency.code}),
        **({} if order.external_id is None else {"externalId": order.external_id}),
        **(
            {"payments": [payment.document(decimals) for payment in order.payments]} if order.payments else {}
        ),
        **order.detail(),
    }
