"""Money: integer cents inside, a JSON number with two decimals outside, and never arithmetic on a float."""

import re
from decimal import Context, Decimal

import orjson

MAX_CENTS = 100_000_000
"""The greatest single amount that is taken: 1,000,000.00."""
DECIMAL = r"-?[0-9]{1,40}(\.[0-9]{1,40})?"
"""How an amount may be written as a text."""
_DECIMAL = re.compile(DECIMAL, re.ASCII)
_FIFTEEN_DIGITS = Context(prec=15)


def parse_cents(value: object) -> int:
    """Read a JSON number, or a decimal string, as cents.

    A JSON parser hands a fraction over as a float. Other programs reckon with floats before they send one, so
    15 significant digits count, which every double keeps: 14.309999999999999 is 14.31. No float is reckoned with here.

    Raises:
        ValueError: not a number, negative, over 1,000,000, or with more than two decimals.

    >>> parse_cents(10.5)
    1050
    >>> parse_cents("12.50")
    1250
    """
    if isinstance(value, str) and _DECIMAL.fullmatch(value) is None:
        raise ValueError("must be a number, or a text such as 12.50")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")
    text = value if isinstance(value, str) else repr(value)
    whole, _, decimals = text.partition(".")
    # Nearly every price is digits, perhaps a point and two more: these are the cents, once the point is out.
    if len(decimals) <= 2 and len(whole) <= 6 and whole.isdigit() and (decimals or "0").isdigit():
        return int(whole + decimals.ljust(2, "0"))
    amount = Decimal(text)
    if amount.is_nan():
        raise ValueError("must be a number")
    cents = _FIFTEEN_DIGITS.plus(amount) * 100
    if not 0 <= cents <= MAX_CENTS:
        raise ValueError("must be between 0 and 1000000")
    if cents != int(cents):
        raise ValueError("must have at most two decimals")
    return int(cents)


def parse_positive_cents(value: object) -> int:
    """As `parse_cents`, but more than nothing."""
    cents = parse_cents(value)
    if cents == 0:
        raise ValueError("must be more than 0")
    return cents


def cents_text(cents: int) -> str:
    """Return the JSON number: 1050 is `10.50`.

    >>> cents_text(1050)
    '10.50'
    """
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def json_cents(cents: int) -> orjson.Fragment:
    """Return the number ready to stand in a document that orjson writes."""
    return orjson.Fragment(cents_text(cents))
