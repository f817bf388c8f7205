"""Judge the receipts that a cluster gives: none that a terminal did not earn, and none missing that it did. Pure.

A terminal earned the receipt of an order that it applied and acked. A cluster may lose an ack on its way, with the
connection or the gateway that carried it; so a receipt is only owed where neither ended since.

Why: docs/decisions/0105-receipts-are-judged.md
"""

from collections.abc import Iterator

from bellwire.verify.notes import Connection, Notes, TerminalNotes, Violation, parse


def judge_receipts(notes: Notes) -> Iterator[Violation]:
    """Return every receipt that is false, and every one that is missing."""
    terminals = {(terminal.tenant, terminal.terminal): terminal for terminal in notes.terminals}
    held = {who: {event.offset for event in terminal.applied} for who, terminal in terminals.items()}
    for look in notes.looks:
        for receipt in look.receipts:
            # Another run's terminal is nobody's here.
            terminal = terminals.get((look.tenant, receipt.terminal))
            if terminal is None:
                continue
            if look.offset not in held[look.tenant, receipt.terminal]:
                wrong = "unapplied"
            elif terminal.said is None or parse(look.offset) > parse(terminal.said):
                wrong = f"and acked up to {terminal.said}"
            else:
                continue
            yield Violation(
                "receipt", look.tenant, f"{receipt.terminal}: has a receipt of {look.offset}, {wrong}"
            )
    for tenant, offset, name in missing_receipts(notes):
        yield Violation("receipt", tenant, f"{name}: has no receipt of {offset}, which it acked")


def missing_receipts(notes: Notes) -> list[tuple[str, str, str]]:
    """Return tenant, offset and terminal of every receipt that is owed and was not there at the last look."""
    earned: dict[tuple[str, str], list[str]] = {}
    for terminal in notes.terminals:
        for offset in owed_to(terminal):
            earned.setdefault((terminal.tenant, offset), []).append(terminal.terminal)
    return [
        (look.tenant, look.offset, name)
        for look in notes.looks
        for name in earned.get((look.tenant, look.offset), ())
        if name not in {receipt.terminal for receipt in look.receipts}
    ]


def owed_to(terminal: TerminalNotes) -> set[str]:
    """Return the offsets of orders of which a terminal is owed a receipt."""
    if terminal.ended:
        return set()
    # The ack of a poll is stored when it is answered; that of a stream is with its gateway for a moment.
    polls = terminal.transport == "polling"
    sure = terminal.connections if polls else [each for each in terminal.connections[-1:] if not each.over]
    applied = {event.offset for event in terminal.applied}
    return {offset for connection in sure for offset in _acked_on(connection) if offset in applied}


def _acked_on(connection: Connection) -> Iterator[str]:
    if connection.acked is None or connection.resets:
        return
    last = parse(connection.acked)
    for event in connection.raw:
        if event.type == "new_order" and parse(event.offset) <= last:
            yield event.offset
