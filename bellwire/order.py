"""Place a sample order."""

import math
from typing import Any
from uuid import uuid4

from bellwire.client import Peer
from bellwire.trouble import Trouble

SAMPLE = ("Margherita:1:9.50", "Lemonade:2:3.25")


def place(
    peer: Peer, name: str, items: tuple[str, ...], source: str, idempotency_key: str | None
) -> dict[str, Any]:
    """Place an order and return the answer.

    Raises:
        Trouble: an item that cannot be read, no answer, or a refusal.
    """
    body = {
        "orderSource": source,
        "orderType": "pickup",
        "customerName": name,
        "items": [_item(text) for text in items or SAMPLE],
    }
    headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
    answer: dict[str, Any] = peer.request("POST", "/api/tenant/orders/create", json=body, headers=headers)
    return answer


def _item(text: str) -> dict[str, Any]:
    try:
        name, quantity, price = text.rsplit(":", 2)
        if not math.isfinite(float(price)):
            raise ValueError(price)
        return {"name": name, "quantity": int(quantity), "unitPrice": float(price)}
    except ValueError as exc:
        raise Trouble(f"{text!r} is not an item such as Lemonade:2:3.25") from exc
