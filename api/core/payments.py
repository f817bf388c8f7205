"""Payments of an order: made, or still to be made. Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from api.core.money import json_cents


class PaymentStatus(Enum):
    """How far a payment is."""

    DUE = "due"
    AUTHORIZED = "authorized"
    PAID = "paid"


LATER = (PaymentStatus.AUTHORIZED, PaymentStatus.PAID)
"""The statuses of a payment that comes after its order was placed."""


def require_later(status: PaymentStatus) -> PaymentStatus:
    """Return the status as it is.

    Raises:
        ValueError: a payment that is still due does not come later.
    """
    if status not in LATER:
        raise ValueError("must be authorized or paid")
    return status


@dataclass(frozen=True, slots=True)
class Payment:
    """An amount, how it is paid, and by which name its payer's bank knows it."""

    method: str
    cents: int
    status: PaymentStatus
    reference: str | None = None

    def document(self, decimals: int) -> dict[str, Any]:
        """The payment as events and answers say it, in a currency of so many decimals."""
        said = {
            "method": self.method,
            "amount": json_cents(self.cents, decimals),
            "status": self.status.value,
        }
        return said if self.reference is None else {**said, "reference": self.reference}


def due_cents(total_cents: int, paid_cents: int) -> int:
    """The amount that is left to be paid, never below nothing."""
    return max(0, total_cents - paid_cents)
