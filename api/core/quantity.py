"""How much of something: thousandths inside, the shortest JSON number outside. Pure."""

from decimal import Context, Decimal

import orjson

MAX_QUANTITY = 10_000
WHOLE = 1000
"""So many thousandths are one."""
_FIFTEEN_DIGITS = Context(prec=15)


def parse_quantity(value: object) -> int:
    """Read a JSON number as thousandths; 15 significant digits count, as of an amount.

    Raises:
        ValueError: not a number, not more than 0, over 10,000, or with more than three decimals.

    >>> parse_quantity(0.35)
    350
    """
    if type(value) is int:
        if not 0 < value <= MAX_QUANTITY:
            raise ValueError(f"must be more than 0 and at most {MAX_QUANTITY}")
        return value * WHOLE
    if not isinstance(value, float):
        raise ValueError("must be a number")
    amount = Decimal(repr(value))
    # A NaN compares with nothing, and an infinite number is beyond every bound.
    if amount.is_nan() or not 0 < amount <= MAX_QUANTITY:
        raise ValueError(f"must be more than 0 and at most {MAX_QUANTITY}")
    thousandths = _FIFTEEN_DIGITS.plus(amount) * WHOLE
    if thousandths != int(thousandths):
        raise ValueError("must have at most three decimals")
    return int(thousandths)


def quantity_text(thousandths: int) -> str:
    """Return the shortest JSON number.

    >>> [quantity_text(thousandths) for thousandths in (2000, 350, 1500)]
    ['2', '0.35', '1.5']
    """
    whole, rest = divmod(thousandths, WHOLE)
    return str(whole) if rest == 0 else f"{whole}.{rest:03d}".rstrip("0")


def json_quantity(thousandths: int) -> int | orjson.Fragment:
    """Return the number ready to stand in a document that orjson writes."""
    whole, rest = divmod(thousandths, WHOLE)
    return whole if rest == 0 else orjson.Fragment(quantity_text(thousandths))
