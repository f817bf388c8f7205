"""Money: whole numbers of a currency's smallest unit inside, a JSON number outside, and never arithmetic on a float."""

import re
from decimal import Context, Decimal

import orjson

DECIMALS = 2
"""As many as an amount has where nothing else is said: it is in cents."""
MAX_UNITS = 1_000_000
"""The greatest single amount that is taken."""
MAX_CENTS = MAX_UNITS * 100
MAX_TOTAL = 10**15 - 1
"""The greatest sum, in the smallest unit: fifteen digits, which every client's JSON reader keeps."""
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
    text = _text_of(value)
    whole, _, decimals = text.partition(".")
    # Nearly every price is digits, perhaps a point and two more: these are the cents, once the point is out.
    if len(decimals) <= 2 and len(whole) <= 6 and whole.isdigit() and (decimals or "0").isdigit():
        return int(whole + decimals.ljust(2, "0"))
    return _exact(text, 0, MAX_CENTS)


def parse_signed_cents(value: object) -> int:
    """As `parse_cents`, but it may be less than nothing, as far as it may be more.

    >>> parse_signed_cents(-0.5)
    -50
    """
    return _exact(_text_of(value), -MAX_CENTS, MAX_CENTS)


def parse_total(value: object) -> int:
    """As `parse_cents`, but for the sum of many amounts."""
    return _exact(_text_of(value), 0, MAX_TOTAL)


def parse_positive_cents(value: object) -> int:
    """As `parse_cents`, but more than nothing."""
    cents = parse_cents(value)
    if cents == 0:
        raise ValueError("must be more than 0")
    return cents


def _text_of(value: object) -> str:
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) is None:
            raise ValueError("must be a number, or a text such as 12.50")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return repr(value)


def _exact(text: str, least: int, most: int) -> int:
    amount = Decimal(text)
    if amount.is_nan():
        raise ValueError("must be a number")
    cents = _FIFTEEN_DIGITS.plus(amount) * 100
    if not least <= cents <= most:
        raise ValueError(f"must be between {cents_figure(least)} and {cents_figure(most)}")
    if cents != int(cents):
        raise ValueError("must have at most two decimals")
    return int(cents)


def cents_text(cents: int) -> str:
    """Return the JSON number: 1050 is `10.50`.

    >>> cents_text(1050)
    '10.50'
    """
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def cents_figure(cents: int) -> str:
    """Return the number for a sentence, without decimals that say nothing.

    >>> cents_figure(100_000_000)
    '1000000'
    """
    return cents_text(cents).removesuffix(".00")


def json_cents(cents: int) -> orjson.Fragment:
    """Return the number ready to stand in a document that orjson writes."""
    return orjson.Fragment(cents_text(cents))
