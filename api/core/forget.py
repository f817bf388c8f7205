"""An event after its customer was forgotten: the same fact, about nobody. Pure.

Why: docs/decisions/0062-forgetting.md
"""

import json
from decimal import Decimal
from typing import Any

import orjson

ERASED = "(erased)"
PERSONAL_DETAIL = ["deliveryAddress", "courier", "metadata"]
"""Members of an order beside the plain ones that are gone once its customer is forgotten."""
_PERSONAL: dict[str, dict[str, str | None]] = {
    "new_order": {
        "customerName": ERASED,
        "customerPhone": None,
        "customerPhoneNumber": None,
        "customerEmail": None,
        "specialInstructions": None,
        **dict.fromkeys(PERSONAL_DETAIL),
    },
    "order_updated": {"reason": None},
    "order_paid": {"reference": None},
    "order_refunded": {"reason": None},
    "loyalty_updated": {"customerPhone": None, "reason": None},
    "gift_card_purchased": {"purchasedBy": ERASED, "recipientName": None, "recipientEmail": None},
    "gift_card_refunded": {"reason": None},
    "gift_card_topped_up": {"purchasedBy": ERASED},
    "gift_card_voided": {"reason": None},
}


def anonymous_event(type_: str, payload: bytes) -> bytes:
    """Return the event with everything personal taken out of its `data`; the envelope and the amounts stay.

    An event of another type has nothing personal, and stays as it is.
    """
    personal = _PERSONAL.get(type_)
    if personal is None:
        return payload
    # Amounts go through Decimal, never through a float.
    event: dict[str, Any] = json.loads(payload, parse_float=Decimal)
    data = event["data"]
    data.update({name: value for name, value in personal.items() if name in data})
    for item in data.get("items", ()):
        item["notes"] = None
    for payment in data.get("payments", ()):
        payment.update({name: None for name in ("reference",) if name in payment})
    return orjson.dumps(event, default=_number)


def _number(value: object) -> orjson.Fragment:
    assert isinstance(value, Decimal), value
    return orjson.Fragment(str(value))
