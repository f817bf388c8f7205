"""Money: whole numbers of a currency's smallest unit inside, a JSON number outside, and never arithmetic on a float."""

import re
from decimal import Context, Decimal

import orjson

DECIMALS = 2
"""As many as an amount has where a shop has no currency: it is in cents then."""
MAX_UNITS = 1_000_000
"""The greatest single amount that is taken."""
MAX_CENTS = MAX_UNITS * 100
"""The same in the smallest unit; one that has no decimals may have as many, for its units are as small."""
MAX_TOTAL = 10**15 - 1
"""The greatest sum, in the smallest unit: fifteen digits, which every client's JSON reader keeps."""
DECIMAL = r"-?[0-9]{1,40}(\.[0-9]{1,40})?"
"""How an amount may be written as a text."""
_DECIMAL = re.compile(DECIMAL, re.ASCII)
_FIFTEEN_DIGITS = Context(prec=15)
_AT_MOST = {0: "no decimals", 2: "at most two decimals", 3: "at most three decimals"}


def max_amount(decimals: int) -> int:
    """Return the greatest single amount that is taken, in the smallest unit.

    >>> [max_amount(decimals) for decimals in (0, 2, 3)]
    [100000000, 100000000, 1000000000]
    """
    most: int = MAX_UNITS * 10**decimals
    return max(MAX_CENTS, most)


def parse_cents(value: object, decimals: int = DECIMALS) -> int:
    """Read a JSON number, or a decimal string, as whole smallest units of a currency with so many decimals.

    A JSON parser hands a fraction over as a float. Other programs reckon with floats before they send one, so
    15 significant digits count, which every double keeps: 14.309999999999999 is 14.31. No float is reckoned with here.

    Raises:
        ValueError: not a number, negative, over `max_amount`, or with more decimals.

    >>> parse_cents(10.5)
    1050
    >>> parse_cents("12.50", 3)
    12500
    """
    text = _text_of(value)
    whole, _, behind = text.partition(".")
    # Nearly every price is digits, perhaps a point and two more: these are the cents, once the point is out.
    if len(behind) <= decimals and len(whole) <= 6 and whole.isdigit() and (behind or "0").isdigit():
        return int(whole + behind.ljust(decimals, "0"))
    return _exact(text, decimals, 0, max_amount(decimals))


def plain_cents(value: float) -> int | None:
    """As `parse_cents` with two decimals, of a number that is the nearest one to a whole number of cents.

    None is any other number, or one over a million. No digit is made here: two decimals of so few digits are never the
    same float, so the one that is found is the one that was written.

    >>> plain_cents(10.5), plain_cents(14.309999999999999)
    (1050, None)
    """
    if not 0 <= value <= MAX_UNITS:
        return None
    cents = round(value * 100)
    return cents if cents / 100 == value else None


def parse_signed_cents(value: object, decimals: int = DECIMALS) -> int:
    """As `parse_cents`, but it may be less than nothing, as far as it may be more.

    >>> parse_signed_cents(-0.5)
    -50
    """
    return _exact(_text_of(value), decimals, -max_amount(decimals), max_amount(decimals))


def parse_total(value: object, decimals: int = DECIMALS) -> int:
    """As `parse_cents`, but for the sum of many amounts."""
    return _exact(_text_of(value), decimals, 0, MAX_TOTAL)


def parse_positive_cents(value: object, decimals: int = DECIMALS) -> int:
    """As `parse_cents`, but more than nothing."""
    cents = parse_cents(value, decimals)
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


def _exact(text: str, decimals: int, least: int, most: int) -> int:
    amount = Decimal(text)
    if amount.is_nan():
        raise ValueError("must be a number")
    cents = _FIFTEEN_DIGITS.plus(amount).scaleb(decimals)
    if not least <= cents <= most:
        raise ValueError(
            f"must be between {cents_figure(least, decimals)} and {cents_figure(most, decimals)}"
        )
    if cents != int(cents):
        raise ValueError(f"must have {_AT_MOST[decimals]}")
    return int(cents)


def cents_text(cents: int, decimals: int = DECIMALS) -> str:
    """Return the JSON number: 1050 is `10.50`, with three decimals `1.050`, and with none itself.

    >>> [cents_text(1050, decimals) for decimals in (0, 2, 3)]
    ['1050', '10.50', '1.050']
    """
    if cents >= 0 and decimals == DECIMALS:
        # Nearly every amount.
        return f"{cents // 100}.{cents % 100:02d}"
    if decimals == 0:
        return str(cents)
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}d}"


def cents_figure(cents: int, decimals: int = DECIMALS) -> str:
    """Return the number for a sentence, without decimals that say nothing.

    >>> cents_figure(100_000_000)
    '1000000'
    """
    text = cents_text(cents, decimals)
    return text.removesuffix("." + "0" * decimals) if decimals else text


def json_cents(cents: int, decimals: int = DECIMALS) -> orjson.Fragment:
    """Return the number ready to stand in a document that orjson writes."""
    return orjson.Fragment(cents_text(cents, decimals))
