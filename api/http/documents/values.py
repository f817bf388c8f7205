"""The values that answers are made of, as their schemas say them."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import WithJsonSchema

OFFSET = {"type": "string", "pattern": "^[0-9]+-[0-9]+$", "examples": ["1-42"]}
Position = Annotated[str, WithJsonSchema(OFFSET)]
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
CalendarDay = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
Money = Annotated[
    Decimal, WithJsonSchema({"type": "number", "description": "At most two decimals.", "examples": [10.5]})
]
Quantity = Annotated[
    Decimal,
    WithJsonSchema({"type": "number", "description": "At most three decimals.", "examples": [2, 0.35]}),
]
Status = Literal["pending", "preparing", "ready", "completed", "cancelled"]
