"""Loyalty: how many points money earns, and what the event says."""

import orjson

from api.core.money import parse_cents

MAX_POINTS = 1_000_000_000
MAX_POINTS_PER_UNIT = 10_000


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
