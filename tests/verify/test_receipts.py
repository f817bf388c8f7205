"""The judge finds a false receipt, a missing one, an alarm too many and one too few; and nothing where all is well."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.verify.judge import judge
from bellwire.verify.notes import Listed, Look, Notes, Receipt, TerminalNotes, parse
from bellwire.verify.receipts import owed_to
from tests.verify.histories import good

COUNT = 12
DEADLINE = 5
Cuts = st.sets(st.integers(1, COUNT - 1), max_size=3).map(sorted)
Place = st.integers(0, COUNT - 1)


def found(notes: Notes) -> list[tuple[str, str]]:
    """Which promises a history breaks, and how."""
    return [(violation.invariant, violation.text) for violation in judge(notes)]


def acked(cuts: list[int], upto: int, transport: str = "websocket") -> tuple[Notes, TerminalNotes]:
    """A history in which the first terminal acked each connection to its end, the last one up to an order; no looks."""
    notes = good(COUNT, cuts)
    terminal = notes.terminals[0]
    terminal.transport = transport
    for connection in terminal.connections:
        connection.acked, connection.over = connection.raw[-1].offset, True
    last = terminal.connections[-1]
    last.acked = terminal.said = f"1-{upto}"
    last.over = False
    return notes, terminal


def look(notes: Notes, terminal: TerminalNotes, holds: set[str], **more: object) -> None:
    """At each order of the terminal's shop, a receipt of which is there for those of `holds`."""
    for event in orders(notes, terminal.tenant):
        receipts = (Receipt(terminal.terminal, 101.0),) if event.offset in holds else ()
        notes.looks.append(dataclasses.replace(Look(terminal.tenant, event.offset, receipts), **more))  # type: ignore[arg-type]


def orders(notes: Notes, tenant: str) -> list[Listed]:
    return [event for event in notes.listed[tenant] if event.type == "new_order"]


def upto(seq: int) -> set[str]:
    return {f"1-{number}" for number in range(1, seq + 1)}


@given(Cuts, st.integers(1, COUNT))
def test_receipts_of_exactly_what_was_acked_are_no_fault_and_of_a_lost_connection_each_may_be_missing(
    cuts: list[int], last: int
) -> None:
    begin = cuts[-1] if cuts else 0
    last = max(last, begin + 1)
    for holds in (upto(last), upto(last) - upto(begin)):
        notes, terminal = acked(cuts, last)
        look(notes, terminal, holds)
        assert found(notes) == []


@given(Cuts, Place)
def test_a_planted_receipt_of_an_order_that_its_terminal_did_not_apply_is_false(
    cuts: list[int], place: int
) -> None:
    notes, terminal = acked(cuts, COUNT)
    look(notes, terminal, upto(COUNT))
    notes.looks.append(Look(terminal.tenant, "1-1", (Receipt("a terminal of another run"),)))
    gone = terminal.applied[place]
    terminal.applied = [event for event in terminal.applied if event is not gone]
    wrong = [text for invariant, text in found(notes) if invariant == "receipt"]
    assert wrong[0] == f"till: has a receipt of {gone.offset}, unapplied"


@given(st.integers(1, COUNT - 1))
def test_a_planted_receipt_of_an_order_that_its_terminal_did_not_ack_is_false(last: int) -> None:
    notes, terminal = acked([], last)
    look(notes, terminal, upto(last + 1))
    assert found(notes) == [("receipt", f"till: has a receipt of 1-{last + 1}, and acked up to 1-{last}")]


def test_a_receipt_of_a_terminal_that_never_acked_is_false() -> None:
    notes = good(COUNT, [])
    look(notes, notes.terminals[0], {"1-3"})
    assert found(notes) == [("receipt", "till: has a receipt of 1-3, and acked up to None")]


@given(Cuts, Place)
def test_a_receipt_that_is_missing_of_what_was_acked_on_a_connection_that_stands_is_found(
    cuts: list[int], place: int
) -> None:
    notes, terminal = acked(cuts, COUNT)
    look(notes, terminal, upto(COUNT) - {f"1-{place + 1}"})
    stands = not cuts or place >= cuts[-1]
    wanted = [("receipt", f"till: has no receipt of 1-{place + 1}, which it acked")]
    assert found(notes) == (wanted if stands else [])


@given(Cuts, Place)
def test_a_page_whose_ack_was_answered_is_owed_every_receipt(cuts: list[int], place: int) -> None:
    notes, terminal = acked(cuts, COUNT, "polling")
    look(notes, terminal, upto(COUNT) - {f"1-{place + 1}"})
    assert found(notes) == [("receipt", f"till: has no receipt of 1-{place + 1}, which it acked")]


def test_nothing_is_owed_to_a_terminal_that_left_or_whose_stream_was_reset_or_whose_acks_were_not_taken() -> (
    None
):
    _, terminal = acked([3], COUNT)
    assert {parse(offset)[1] for offset in owed_to(terminal)} == set(range(4, COUNT + 1))
    terminal.ended = True
    assert owed_to(terminal) == set()
    terminal.ended = False
    terminal.connections[-1].resets.append("1-9")
    assert owed_to(terminal) == set()
    terminal.connections[-1].resets.clear()
    terminal.connections[-1].acked = None
    assert owed_to(terminal) == set()


def told(notes: Notes, type_: str, at: float, **data: object) -> None:
    """The log goes on behind what the terminals saw: with an alarm of the first order, or its end."""
    body = {"orderId": "kitchen-1", "orderNumber": None, "waitedSeconds": DEADLINE, **data}
    notes.later.setdefault("kitchen", []).append(Listed("1-99", "kitchen", type_, type_, body, at))


def story(*, seen: bool, age: float, **more: object) -> Notes:
    """A look at the shop's orders `age` seconds behind their answers; the terminal acked at 101 s, if it did."""
    notes, terminal = acked([], COUNT)
    if not seen:
        terminal.said = terminal.connections[-1].acked = None
    look(notes, terminal, upto(COUNT if seen else 0), age_seconds=age, deadline_seconds=DEADLINE, **more)
    del notes.looks[1:]
    return notes


def test_an_unseen_order_without_its_alarm_is_silent_once_the_alarm_is_late() -> None:
    assert found(story(seen=False, age=9.0)) == []
    late = story(seen=False, age=11.0)
    assert [invariant for invariant, _ in found(late)] == ["silence"]
    told(late, "order_unacknowledged", 106.0, attempt=1)
    assert found(late) == []


@pytest.mark.parametrize("excuse", [{"pending": False}, {"deadline_seconds": None}])
def test_an_order_that_moved_on_and_one_whose_deadline_is_not_known_owe_no_alarm(
    excuse: dict[str, object],
) -> None:
    notes = story(seen=False, age=11.0)
    notes.looks = [dataclasses.replace(each, **excuse) for each in notes.looks]  # type: ignore[arg-type]
    assert found(notes) == []


def test_an_alarm_of_an_order_that_was_seen_must_end() -> None:
    notes = story(seen=True, age=11.0)
    assert found(notes) == []
    told(notes, "order_unacknowledged", 102.0, attempt=1)
    assert [invariant for invariant, _ in found(notes)] == ["silence"]
    told(notes, "order_acknowledged", 103.0, attempts=1, terminalId="t")
    assert found(notes) == []


def test_an_alarm_long_after_the_order_was_seen_is_one_too_many() -> None:
    notes = story(seen=True, age=60.0)
    told(notes, "order_unacknowledged", 131.0, attempt=1)
    told(notes, "order_acknowledged", 132.0, attempts=1, terminalId="t")
    assert found(notes) == [("alarm", "1-99 is of 1-1, which was seen 30 s before")]
