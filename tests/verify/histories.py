"""Histories that went well, made of plain values; the tests break them in one place each."""

from typing import Any

from bellwire.verify.notes import Answer, Balance, Connection, Listed, Notes, Seen, TerminalNotes, Write


def seen(event: Listed) -> Seen:
    """A listed event as a terminal sees it."""
    return Seen(event.offset, event.tenant, event.type, event.digest, 100.0, 100.01)


def orders(tenant: str, count: int) -> tuple[list[Write], list[Listed]]:
    """Accepted orders and their events."""
    writes, listed = [], []
    for seq in range(1, count + 1):
        key, offset = f"{tenant}-key-{seq}", f"1-{seq}"
        body: dict[str, Any] = {"offset": offset, "orderId": f"{tenant}-{seq}"}
        writes.append(Write("order", tenant, key, amount=100 * seq, answers=[Answer(201, body)]))
        data = {"orderId": f"{tenant}-{seq}", "customerName": key, "totalAmount": float(seq)}
        listed.append(Listed(offset, tenant, "new_order", f"{tenant}/{seq}", data))
    return writes, listed


def terminal(tenant: str, listed: list[Listed], cuts: list[int]) -> TerminalNotes:
    """A terminal that saw all of it, over connections that were cut after so many events."""
    notes = TerminalNotes(tenant, "till", "websocket", start="1-0")
    for begin, end in zip([0, *cuts], [*cuts, len(listed)], strict=True):
        asked = f"1-{begin}" if begin else None
        connection = Connection(asked, f"1-{begin}", tenant, [seen(event) for event in listed[begin:end]])
        notes.connections.append(connection)
        notes.applied += connection.raw
    return notes


def good(count: int, cuts: list[int]) -> Notes:
    """Two shops, one terminal each; in the first one a card was sold and used, too."""
    notes = Notes()
    for tenant in ("kitchen", "bistro"):
        writes, listed = orders(tenant, count)
        notes.writes += writes
        notes.listed[tenant] = listed
    money(notes, "kitchen")
    for tenant, listed in notes.listed.items():
        notes.terminals.append(terminal(tenant, listed, cuts))
    return notes


def money(notes: Notes, tenant: str) -> None:
    """A card of 50.00 of which 20.00 were used, and an attempt to use 40.00 more that was refused."""
    listed = notes.listed[tenant]
    sold, used = f"1-{len(listed) + 1}", f"1-{len(listed) + 2}"
    listed.append(Listed(sold, tenant, "gift_card_purchased", "sold", {"balance": 50.0}))
    listed.append(Listed(used, tenant, "gift_card_redeemed", "used", {"amount": 20.0, "balance": 30.0}))
    notes.writes += [
        Write("sale", tenant, "s", 5000, "card", answers=[Answer(201, {"offset": sold})]),
        Write("redeem", tenant, "r", -2000, "card", answers=[Answer(200, {"offset": used})]),
        Write("redeem", tenant, "x", -4000, "card", answers=[Answer(409, {})]),
    ]
    notes.balances.append(Balance(tenant, "card", 3000))
