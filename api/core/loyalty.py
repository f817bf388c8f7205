"""Loyalty: how a phone number names an account, and what the event says."""

import re

import orjson

from api.core.money import parse_cents

MAX_POINTS = 1_000_000_000
MAX_POINTS_PER_UNIT = 10_000
MAX_PHONE_CHARACTERS = 32
_PHONE = re.compile(r"\+?[0-9][0-9 ().\-/]*", re.ASCII)


def normalise_phone(given: str) -> str:
    """Return the digits by which an account is found.

    How somebody groups the digits does not matter, nor whether the country is marked by `+` or `00`.

    Raises:
        ValueError: it is not a phone number.

    >>> normalise_phone("+49 (30) 555-1234")
    '49305551234'
    >>> normalise_phone("0049 30 5551234")
    '49305551234'
    """
    text = given.strip()
    digits = re.sub(r"[^0-9]", "", text, flags=re.ASCII)
    if not text.startswith("+"):
        digits = digits.removeprefix("00")
    bare = text.replace("(", "").replace(")", "").strip()
    if len(given) > MAX_PHONE_CHARACTERS or _PHONE.fullmatch(bare) is None or not 3 <= len(digits) <= 15:
        raise ValueError("must be a phone number of 3 to 15 digits")
    return digits


def parse_points_per_unit(value: object) -> int:
    """Read how many points a unit of money earns, as hundredths of a point.

    Raises:
        ValueError: not a number of at most two decimals from 0 to 10,000.
    """
    hundredths = parse_cents(value)
    if hundredths > MAX_POINTS_PER_UNIT * 100:
        raise ValueError(f"must be between 0 and {MAX_POINTS_PER_UNIT}")
    return hundredths


def loyalty_data(phone_as_given: str, change: int, transaction_type: str, reason: str | None) -> bytes:
    """Return the `data` of the `loyalty_updated` event, but for `customerId` and `newBalance`."""
    return orjson.dumps(
        {
            "customerPhone": phone_as_given,
            "pointsChange": change,
            "transactionType": transaction_type,
            "reason": reason,
        }
    )
