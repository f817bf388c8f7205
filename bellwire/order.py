"""Place a sample order."""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from bellwire.client import Peer
from bellwire.samples import SAMPLES
from bellwire.trouble import Trouble

SAMPLE = ("Margherita:1:9.50", "Lemonade:2:3.25")


NAME = "Ada Lovelace"


def place(
    peer: Peer,
    name: str | None,
    items: tuple[str, ...],
    source: str,
    idempotency_key: str | None,
    sample: str | None = None,
) -> dict[str, Any]:
    """Place an order, of these items or a full one by its name in `SAMPLES`, and return the answer.

    Raises:
        Trouble: an item that cannot be read, items beside a sample, no answer, or a refusal.
    """
    if sample is None:
        body = {
            "orderType": "pickup",
            "customerName": NAME,
            "items": [_item(text) for text in items or SAMPLE],
        }
    elif items:
        raise Trouble("a sample has its own items: give --item or --sample")
    else:
        body = SAMPLES[sample](datetime.now(UTC))
    body["orderSource"] = source
    if name is not None:
        body["customerName"] = name
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
