"""The lines of an order, and what each of them costs. Pure.

A line is its quantity times its price with all that is added to one unit, rounded once.

Why: docs/decisions/0115-orders-in-full.md
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from api.core.money import json_cents
from api.core.quantity import WHOLE, json_quantity


@dataclass(frozen=True, slots=True)
class Modifier:
    """An addition to an item, or to another modifier. Its quantity multiplies what lies under it, too."""

    name: str
    quantity: int = 1
    unit_price_cents: int = 0
    sku: str | None = None
    modifiers: "tuple[Modifier, ...]" = ()

    @property
    def cents(self) -> int:
        """The price that it adds to one unit of what it lies under."""
        return self.quantity * (self.unit_price_cents + sum(under.cents for under in self.modifiers))

    @property
    def count(self) -> int:
        """How many modifiers these are: this one, and those under it."""
        return 1 + sum(under.count for under in self.modifiers)

    def document(self, decimals: int) -> dict[str, Any]:
        """The modifier as events and answers say it, in a currency of so many decimals."""
        said: dict[str, Any] = {
            "name": self.name,
            "quantity": self.quantity,
            "unitPrice": json_cents(self.unit_price_cents, decimals),
        }
        if self.sku is not None:
            said["sku"] = self.sku
        if self.modifiers:
            said["modifiers"] = [under.document(decimals) for under in self.modifiers]
        return said


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order; `quantity` is in thousandths."""

    name: str
    quantity: int
    unit_price_cents: int
    notes: str | None = None
    unit: str | None = None
    sku: str | None = None
    category: str | None = None
    station: str | None = None
    modifiers: tuple[Modifier, ...] = ()

    @property
    def line_cents(self) -> int:
        """The price of the line."""
        price = self.unit_price_cents
        if self.modifiers:
            price += sum(modifier.cents for modifier in self.modifiers)
        whole, rest = divmod(self.quantity, WHOLE)
        return whole * price if rest == 0 else round_half_away(self.quantity * price, WHOLE)

    def more(self, decimals: int) -> dict[str, Any]:
        """The members that a plain line does not have."""
        said: dict[str, Any] = {}
        if self.unit is not None:
            said["unit"] = self.unit
        if self.sku is not None:
            said["sku"] = self.sku
        if self.category is not None:
            said["category"] = self.category
        if self.station is not None:
            said["station"] = self.station
        if self.modifiers:
            said["modifiers"] = [modifier.document(decimals) for modifier in self.modifiers]
        return said

    def document(self, decimals: int) -> dict[str, Any]:
        """The line as events and answers say it."""
        return {
            "name": self.name,
            "quantity": json_quantity(self.quantity),
            "unitPrice": json_cents(self.unit_price_cents, decimals),
            "notes": self.notes,
            **self.more(decimals),
        }


class AdjustmentKind(Enum):
    """Why a total is not the sum of its items."""

    DISCOUNT = "discount"
    TAX = "tax"
    FEE = "fee"
    TIP = "tip"
    ROUNDING = "rounding"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An amount beside the items. One that is `included` is in their prices already, and does not count."""

    kind: AdjustmentKind
    name: str
    cents: int
    included: bool = False

    @property
    def complaint(self) -> str | None:
        """The fault of its sign, if it has one."""
        if self.kind is AdjustmentKind.DISCOUNT:
            return "must not be more than 0" if self.cents > 0 else None
        if self.kind is AdjustmentKind.ROUNDING or self.cents >= 0:
            return None
        return "must not be less than 0"

    def document(self, decimals: int) -> dict[str, Any]:
        """The adjustment as events and answers say it."""
        return {
            "kind": self.kind.value,
            "name": self.name,
            "amount": json_cents(self.cents, decimals),
            "included": self.included,
        }


def round_half_away(numerator: int, denominator: int) -> int:
    """Divide, to the nearest whole number; a half goes away from zero.

    >>> [round_half_away(numerator, 1000) for numerator in (1500, 2500, -1500, 1499)]
    [2, 3, -2, 1]
    """
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude
