"""A platform's message as both adapters say it, and what they have in common: reading, signatures, money. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


class Unreadable(Exception):
    """The message is not of the shape that its platform documents; the text names the member."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that means an order.

    `event_id` names the message: it becomes the `Idempotency-Key`. `order` is the body of Bellwire's
    `POST /api/tenant/orders/create`, the same for every message about this order. `cancelled` is why the order is
    cancelled, None when it is not. `was_accepted`: it was an order that somebody was to make, whatever became of it.
    """

    event_id: str
    order: dict[str, Any]
    cancelled: str | None = None
    was_accepted: bool = True

    @property
    def external_id(self) -> str:
        """The platform's own id of the order."""
        return str(self.order["externalId"])


def read(document: Any, *path: str | int) -> Any:
    """Return the member at a path.

    Raises:
        Unreadable: there is none.
    """
    found = document
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            raise Unreadable(".".join(map(str, path))) from None
    return found


def decimal(value: Any, name: str) -> Decimal:
    """Return an amount as it was written.

    Raises:
        Unreadable: it is no number.
    """
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise Unreadable(name) from None
    if isinstance(value, bool) or not number.is_finite():
        raise Unreadable(name)
    return number


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """Only what there is: without nulls, empty texts, lists and objects."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def signature(secret: str, body: bytes) -> bytes:
    """HMAC-SHA256 of the body's bytes as they came."""
    return hmac.digest(secret.encode(), body, hashlib.sha256)


def same(one: str, other: str) -> bool:
    """Compare two signatures in a time that says nothing of where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
