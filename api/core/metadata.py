"""A caller's own words beside an order: kept and given back, read by nobody. Pure."""

import math
from typing import Any

import orjson

MAX_BYTES = 2048
MAX_DEPTH = 8


def check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value` as it is.

    Raises:
        ValueError: more than 2 KiB as JSON, more than 8 deep, or with a number that is beyond every bound.
    """
    # Looked at first: JSON that is very deep is not written at all.
    _look(value, MAX_DEPTH)
    if len(orjson.dumps(value)) > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES} bytes as JSON")
    return value


def _look(value: Any, deeper: int) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must not hold a number that is too big")
    if isinstance(value, dict | list):
        if deeper == 0:
            raise ValueError(f"must be at most {MAX_DEPTH} deep")
        for member in value.values() if isinstance(value, dict) else value:
            _look(member, deeper - 1)
