"""The values that answers are made of, as their schemas say them."""

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from backbone.runtime.openapi import Answer

OFFSET = {"type": "string", "pattern": "^[0-9]+-[0-9]+$", "examples": ["1-42"]}
Position = Annotated[str, WithJsonSchema(OFFSET)]
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
CalendarDay = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
Money = Annotated[
    Decimal,
    WithJsonSchema(
        {
            "type": "number",
            "description": "As many decimals as the tenant's currency has; two without one.",
            "examples": [10.5],
        }
    ),
]
Quantity = Annotated[
    Decimal,
    WithJsonSchema({"type": "number", "description": "At most three decimals.", "examples": [2, 0.35]}),
]


def sometimes(says: str = "Only where it was given.") -> Any:
    """A member that is not always there; null only where its type says so."""
    return Field(default=None, description=says)


Status = Literal["pending", "preparing", "ready", "completed", "cancelled"]


class Writer(Answer):
    """The terminal that did it, or the key of another kind."""

    kind: Literal["term", "store", "op"]
    terminal_id: UUID = Field(default=None)  # type: ignore[assignment]
    name: str = Field(default=None, description="The terminal's.")  # type: ignore[assignment]
    key_id: str = Field(default=None, description="Of a key that is no terminal's.")  # type: ignore[assignment]


class StepWriter(Answer):
    """The terminal that took a step, or the storefront; what nobody asked for is the system's."""

    kind: Literal["term", "store", "system"]
    terminal_id: UUID = Field(default=None)  # type: ignore[assignment]
    name: str = Field(default=None, description="The terminal's.")  # type: ignore[assignment]
