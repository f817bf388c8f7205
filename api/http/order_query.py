"""Read from a query which orders are asked for."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TypeVar

from api.core.moment import parse_moment
from api.core.orders import OrderStatus
from api.core.phones import names_of
from api.core.text import external_id
from api.db.order_search import OrderFilter
from backbone.contract.errors import FieldError

MAX_WORD = 64
MAX_EXTERNAL_ID = 128
_NUMBER = re.compile(r"ORD-([1-9][0-9]{0,17})", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_YEARS = range(1970, 9999)

T = TypeVar("T")


def read_filter(query: Mapping[str, str], country: str | None) -> tuple[OrderFilter, list[FieldError]]:
    """Read the words that a query has, for a tenant of a country; each that cannot be read is an error by its name."""
    errors: list[FieldError] = []

    def read(name: str, reader: Callable[[str], T]) -> T | None:
        text = query.get(name)
        if text is None:
            return None
        try:
            return reader(text)
        except ValueError as exc:
            errors.append(FieldError(name, str(exc)))
            return None

    found = OrderFilter(
        read("status", _statuses),
        read("orderNumber", _number),
        read("phone", lambda text: names_of(text, country)),
        read("source", _word),
        read("from", _bound),
        read("to", _bound),
        read("unacked", _true) is not None,
        read("externalId", _external_id),
        read("station", _word),
    )
    return found, errors


def _statuses(text: str) -> tuple[str, ...]:
    known = [status.value for status in OrderStatus]
    words = text.split(",")
    if not all(word in known for word in words):
        raise ValueError(f"must be one of {', '.join(known)}, or several with a comma between")
    return tuple(dict.fromkeys(words))


def _number(text: str) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("must be an order's number such as ORD-15")
    return int(match[1])


def _word(text: str) -> str:
    if not text.strip() or len(text) > MAX_WORD or not text.isprintable():
        raise ValueError(f"must be 1 to {MAX_WORD} characters")
    return text


def _external_id(text: str) -> str:
    if not 1 <= len(text) <= MAX_EXTERNAL_ID:
        raise ValueError(f"must be 1 to {MAX_EXTERNAL_ID} characters")
    return external_id(text)


def _true(text: str) -> bool:
    if text != "true":
        raise ValueError("must be true, or left out")
    return True


def _bound(text: str) -> date | datetime:
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            if day.year in _YEARS:
                return day
        else:
            return parse_moment(text)
    except ValueError:
        pass
    raise ValueError("must be a day such as 2026-11-22, or a moment such as 2026-11-22T18:00:00+01:00")
