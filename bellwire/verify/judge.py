"""The judge: from the notes of a run to the list of broken promises. Pure.

No side is believed alone: what a terminal applied, what a write was answered and what the log lists are three
stories, and all three must agree.

Why: docs/decisions/0040-black-box-checker.md
"""

from collections import Counter
from collections.abc import Iterator

from bellwire.verify.alarms import judge_alarms, judge_attention
from bellwire.verify.notes import Connection, Listed, Notes, TerminalNotes, Violation, Write, parse
from bellwire.verify.receipts import judge_receipts

INVARIANTS = {
    "loss": "an accepted write or a listed event that did not arrive",
    "phantom": "an event that nothing explains, or that the log does not have",
    "order": "an event before one that precedes it, or a hole",
    "repeat": "an event twice on one connection",
    "isolation": "an event of another tenant",
    "once": "an accepted write that happened not exactly once",
    "alarm": "an alarm twice, out of its turn, or of an order that was seen or moved on; an end of none",
    "silence": "an unseen order without its alarm, or an alarm without its end",
    "receipt": "a receipt of a terminal that did not ack the order, or none of one that did",
    "money": "a sum that does not add up",
    "reset": "history that was not replayed although nothing was lost",
    "unresolved": "a write whose outcome stayed unknown",
}

EVENT_OF = {
    "order": "new_order",
    "status": "order_updated",
    "sale": "gift_card_purchased",
    "redeem": "gift_card_redeemed",
    "points": "loyalty_updated",
}


def judge(notes: Notes) -> list[Violation]:
    """Return every violation; none means that the cluster kept its promise in this run."""
    found: list[Violation] = []
    for terminal in notes.terminals:
        for connection in terminal.connections:
            found += _of_connection(terminal, connection)
        listed, waited = notes.listed.get(terminal.tenant, []), notes.waited.get(terminal.tenant)
        found += _of_terminal(terminal, listed, waited)
    for tenant, listed in notes.listed.items():
        found += _of_log(tenant, listed)
        found += judge_alarms(tenant, listed)
    found += judge_receipts(notes)
    found += judge_attention(notes)
    found += _of_writes(notes)
    found += _of_money(notes)
    return found


def _of_connection(terminal: TerminalNotes, connection: Connection) -> Iterator[Violation]:
    """Judge one connection by itself: order, repeats, the tenant's stamp, resets."""

    def violation(invariant: str, text: str) -> Violation:
        return Violation(invariant, terminal.tenant, f"{terminal.terminal}: {text}")

    if connection.tenant != terminal.tenant:
        yield violation("isolation", f"its connection is to {connection.tenant}")
    asked = connection.asked if connection.asked != "0" and not connection.resets else None
    if asked is not None and not _same_place(parse(asked), parse(connection.after)):
        yield violation("order", f"asked behind {asked}, got behind {connection.after}")
    for reset in connection.resets:
        yield violation("reset", f"was sent on to {reset}")
    seen: set[str] = set()
    position = _begin_of(connection)
    for event in connection.raw:
        if event.tenant != terminal.tenant:
            yield violation("isolation", f"got {event.offset} of {event.tenant}")
            continue
        now = parse(event.offset)
        if event.offset in seen:
            yield violation("repeat", f"got {event.offset} again")
            continue
        seen.add(event.offset)
        if now <= position:
            yield violation("order", f"got {event.offset} behind {position[0]}-{position[1]}")
            continue
        gap = now[0] == position[0] and now[1] != position[1] + 1
        if gap and terminal.types is None and not connection.resets:
            yield violation("order", f"got {event.offset} right behind {position[0]}-{position[1]}")
        position = now


def _begin_of(connection: Connection) -> tuple[int, int]:
    """Where the stream begins, in the words of its first event.

    A place that both epochs share is called by the later one, also when events of the earlier one are still to come.
    """
    epoch, seq = parse(connection.after)
    first = parse(connection.raw[0].offset)[0] if connection.raw else epoch
    return min(epoch, first), seq


def _same_place(asked: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether the stream starts where it was asked to; what both epochs share has the same place in the later one."""
    return asked == after or (after[0] > asked[0] and after[1] == asked[1])


def _of_terminal(terminal: TerminalNotes, listed: list[Listed], waited: str | None) -> Iterator[Violation]:
    """Judge a terminal's notes against the log: all of it, once, and nothing else."""
    if terminal.start is None:
        yield Violation("loss", terminal.tenant, f"{terminal.terminal}: never got a connection")
        return
    log = {event.offset: event for event in listed}
    applied = Counter(event.offset for event in terminal.applied)
    for event in terminal.applied:
        known = log.get(event.offset)
        # An event of another tenant is told as what it is, above.
        if event.tenant == terminal.tenant and (known is None or known.digest != event.digest):
            yield Violation(
                "phantom", terminal.tenant, f"{terminal.terminal}: {event.offset} is not in the log like that"
            )
    for offset, times in applied.items():
        if times > 1:
            yield Violation("repeat", terminal.tenant, f"{terminal.terminal}: applied {offset} {times} times")
    start, position = parse(terminal.start), parse(terminal.position or "0")
    for known in listed:
        wanted = terminal.types is None or known.type in terminal.types
        due = start < parse(known.offset) and not (terminal.ended and parse(known.offset) > position)
        due = due and (waited is None or parse(known.offset) <= parse(waited))
        if wanted and due and known.offset not in applied:
            yield Violation("loss", terminal.tenant, f"{terminal.terminal}: never applied {known.offset}")


def _of_log(tenant: str, listed: list[Listed]) -> Iterator[Violation]:
    """The log by itself: of one tenant, and without a hole."""
    previous: tuple[int, int] | None = None
    for event in listed:
        now = parse(event.offset)
        if event.tenant != tenant:
            yield Violation("isolation", tenant, f"the log lists {event.offset} of {event.tenant}")
        if previous is not None and (
            now <= previous or (now[0] == previous[0] and now[1] != previous[1] + 1)
        ):
            yield Violation(
                "order", tenant, f"the log lists {event.offset} behind {previous[0]}-{previous[1]}"
            )
        previous = now


def _of_writes(notes: Notes) -> Iterator[Violation]:
    """Every accepted write is one event, every event is one accepted write."""
    log = {(tenant, event.offset): event for tenant, listed in notes.listed.items() for event in listed}
    claimed: dict[tuple[str, str], Write] = {}
    for write in notes.writes:
        if not write.answers:
            yield Violation("unresolved", write.tenant, f"{write.kind} {write.key}")
            continue
        if len({(answer.status, _offset_of(answer.body)) for answer in write.answers}) > 1:
            yield Violation("once", write.tenant, f"{write.kind} {write.key} has several answers")
        if not write.accepted:
            continue
        place = (write.tenant, next(_offset_of(answer.body) for answer in write.answers if answer.accepted))
        event = log.get(place)
        if event is None:
            yield Violation(
                "loss", write.tenant, f"{write.kind} {write.key} was accepted as {place[1]}, not listed"
            )
        elif place in claimed:
            yield Violation("once", write.tenant, f"{write.key} and {claimed[place].key} are both {place[1]}")
        elif event.type != EVENT_OF[write.kind] or not _tells(event, write):
            yield Violation("phantom", write.tenant, f"{place[1]} does not tell of {write.kind} {write.key}")
        claimed.setdefault(place, write)
    yield from _unexplained(log, claimed)


def _offset_of(body: dict[str, object]) -> str:
    return str(body.get("offset"))


def _tells(event: Listed, write: Write) -> bool:
    """Whether the event says what the write asked for."""
    data = event.data
    match write.kind:
        case "order":
            return bool(data["customerName"] == write.key and cents(data["totalAmount"]) == write.amount)
        case "status":
            return bool(data["orderId"] == write.target and data["status"] == write.detail)
        case "sale":
            return cents(data["balance"]) == write.amount
        case "redeem":
            return cents(data["amount"]) == -write.amount
        case _:
            return bool(data["pointsChange"] == write.amount)


def _unexplained(
    log: dict[tuple[str, str], Listed], claimed: dict[tuple[str, str], Write]
) -> Iterator[Violation]:
    keys = {write.key for write in claimed.values()}
    for place, event in log.items():
        if place in claimed or event.type not in EVENT_OF.values():
            continue
        if event.type == "new_order" and event.data["customerName"] in keys:
            yield Violation("once", place[0], f"{place[1]} is {event.data['customerName']} once more")
        else:
            yield Violation("phantom", place[0], f"no accepted write explains {event.type} {place[1]}")


def _of_money(notes: Notes) -> Iterator[Violation]:
    """The balance is the income less the spending, and never below zero."""
    expected: Counter[tuple[str, str]] = Counter()
    for write in notes.writes:
        if write.kind in ("sale", "redeem", "points") and write.accepted:
            expected[write.tenant, write.target] += write.amount
    for balance in notes.balances:
        due = expected[balance.tenant, balance.target]
        if balance.amount != due:
            yield Violation(
                "money", balance.tenant, f"a balance is {balance.amount}, the sum of all is {due}"
            )
    for tenant, listed in notes.listed.items():
        for event in listed:
            left = event.data.get("balance", event.data.get("newBalance", 0))
            if left < 0:
                yield Violation("money", tenant, f"{event.offset} tells of a balance of {left}")


def cents(amount: float) -> int:
    """An amount with at most two decimals, exactly."""
    return round(amount * 100)
