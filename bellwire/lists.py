"""Shops, terminals and orders, asked page by page, as tables for a person."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from bellwire.amounts import amount_text
from bellwire.client import Peer
from bellwire.moments import moment_text

PAGE = 200
Found = dict[str, Any]


def find_shops(peer: Peer, search: str) -> list[Found]:
    """Return all shops, or those whose slug or name holds `search`. Raises Trouble."""
    return list(_pages(peer, "/api/tenants", "tenants", {"q": search} if search else {}))


def find_terminals(peer: Peer) -> list[Found]:
    """Return a shop's terminals, oldest first. Raises Trouble."""
    path = f"/api/tenant/{quote(peer.shop())}/terminals"
    found: list[Found] = peer.document(path, "terminals")["terminals"]
    return found


def find_webhooks(peer: Peer) -> list[Found]:
    """Return a shop's webhook endpoints, oldest first; one that fails with its last `attempt`. Raises Trouble."""
    path = f"/api/tenant/{quote(peer.shop())}/webhooks"
    found: list[Found] = peer.document(path, "webhooks")["webhooks"]
    for endpoint in found:
        if endpoint["failures"]:
            attempts = peer.document(f"{path}/{quote(endpoint['id'])}/attempts", "attempts")["attempts"]
            endpoint["attempt"] = next((each for each in attempts if each["type"] != "ping"), None)
    return found


def find_orders(peer: Peer, query: Mapping[str, str], limit: int) -> list[Found]:
    """Return up to `limit` of a shop's orders, newest first. Raises Trouble."""
    path = f"/api/tenant/{quote(peer.shop())}/orders"
    orders = _pages(peer, path, "orders", {**query, "limit": str(min(limit, PAGE))})
    return [order for _, order in zip(range(limit), orders, strict=False)]


def _pages(peer: Peer, path: str, name: str, query: Mapping[str, str]) -> Iterator[Found]:
    """Everything that a route lists, in its order; a page may be short, and is not the last one for that."""
    after: dict[str, str] = {}
    while True:
        page = peer.document(path, name, "next", **{"limit": str(PAGE), **query, **after})
        yield from page[name]
        if page["next"] is None:
            return
        after = {"after": page["next"]}


def shops_table(shops: Sequence[Found]) -> str:
    """One line a shop."""
    return _table(
        "There is no such shop.",
        ("shop", "name", ""),
        [(shop["tenant"], shop["name"], _remarks(shop)) for shop in shops],
    )


def _remarks(shop: Found) -> str:
    remarks = ["test"] if shop["test"] else []
    if shop["paused"]:
        remarks.append("paused" + (f": {shop['pausedReason']}" if shop["pausedReason"] else ""))
    return ", ".join(remarks)


def terminals_table(terminals: Sequence[Found]) -> str:
    """One line a terminal."""
    return _table(
        "The shop has no terminals.",
        ("terminal", "role", "connected", "last seen", "behind", "id"),
        [
            (
                each["name"],
                each["role"] or "-",
                each["gateway"] or "yes" if each["online"] else "no",
                moment_text(each["lastSeen"]) if each["lastSeen"] else "never",
                "-" if each["lag"] is None else str(each["lag"]),
                each["terminalId"],
            )
            for each in terminals
        ],
    )


def webhooks_table(endpoints: Sequence[Found]) -> str:
    """One line an endpoint."""
    return _table(
        "The shop has no webhooks.",
        ("webhook", "state", "behind", "last answer", "id"),
        [(each["url"], _state(each), str(each["lag"]), _answer(each), each["id"]) for each in endpoints],
    )


def _state(endpoint: Found) -> str:
    if not endpoint["enabled"]:
        return f"off: {endpoint['disabledReason']}"
    return f"failed {endpoint['failures']}x" if endpoint["failures"] else "on"


def _answer(endpoint: Found) -> str:
    attempt = endpoint.get("attempt")
    if attempt is None:
        return endpoint["lastOutcome"] or "-"
    said = " ".join(attempt["answer"].split())
    result = attempt["outcome"] if attempt["status"] is None else str(attempt["status"])
    return f"{result} to {attempt['id']}" + (f": {said}" if said else "")


def orders_table(orders: Sequence[Found], *, unseen: bool = False) -> str:
    """One line an order; `unseen`: those were asked for that nobody has seen."""
    return _table(
        "No order is unseen." if unseen else "There is no such order.",
        ("order", "placed", "status", "source", "customer", "total", "id"),
        [
            (
                order["orderNumber"],
                moment_text(order["createdAt"]),
                order["status"],
                order["orderSource"],
                " ".join((order["customerName"] or "-").split()),
                " ".join(filter(None, (amount_text(order["totalAmount"]), order.get("currency")))),
                order["orderId"],
            )
            for order in orders
        ],
    )


def _table(empty: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return empty
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )
