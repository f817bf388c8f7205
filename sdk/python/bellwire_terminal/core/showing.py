"""The orders of a snapshot that a stream with this filter would have carried. Pure.

An order that is shown is acknowledged; one that the filter keeps from this terminal must not be.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import normalize

NEW_ORDER = "new_order"


def shown(orders: Iterable[dict[str, Any]], wanted: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Those that pass, in their order."""
    if "types" in wanted and NEW_ORDER not in wanted["types"]:
        return []
    return [
        order
        for order in orders
        if _passes(order, "station", wanted.get("stations"))
        and _passes(order, "category", wanted.get("categories"))
    ]


def _passes(order: dict[str, Any], member: str, names: list[str] | None) -> bool:
    if names is None:
        return True
    named = {folded(str(item[member])) for item in order.get("items", ()) if item.get(member)}
    return not named or not named.isdisjoint(map(folded, names))


def folded(name: str) -> str:
    """As Bellwire compares names: without case, and an accent is the same however it is composed."""
    return normalize("NFC", normalize("NFD", name).casefold())
