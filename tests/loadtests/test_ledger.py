"""The judge of a terminal's stream is itself judged: every fault is seen, and nothing else is called one."""

from hypothesis import given
from hypothesis import strategies as st

from loadtests.ledger import Ledger, reached


@given(st.integers(0, 50), st.lists(st.integers(1, 10), max_size=6))
def test_a_whole_stream_in_any_number_of_connections_has_no_fault(start: int, connections: list[int]) -> None:
    ledger, seq = Ledger(), start
    ledger.started(f"1-{seq}")
    for events in connections:
        for _ in range(events):
            seq += 1
            ledger.event(f"1-{seq}")
        ledger.started(f"1-{seq}")
    assert ledger.faults == []
    assert ledger.events == sum(connections)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12))
def test_any_other_order_than_one_by_one_is_a_fault(seqs: list[int]) -> None:
    ledger = Ledger()
    ledger.started("1-0")
    for seq in seqs:
        ledger.event(f"1-{seq}")
    assert (ledger.faults == []) == (seqs == list(range(1, len(seqs) + 1)))


def test_a_missing_event_is_a_gap_and_told_once() -> None:
    ledger = Ledger()
    ledger.started("1-4")
    assert ledger.event("1-6") == "gap: 1-6 after 1-4"
    assert ledger.event("1-7") is None


def test_an_event_given_twice_is_a_repeat_and_moves_nothing() -> None:
    ledger = Ledger()
    ledger.started("1-4")
    ledger.event("1-5")
    assert ledger.event("1-5") == "repeat: 1-5 after 1-5"
    assert ledger.position == "1-5"


def test_a_resumed_stream_that_starts_elsewhere_is_a_fault() -> None:
    ledger = Ledger()
    ledger.started("1-4")
    ledger.event("1-5")
    assert ledger.started("1-9") is not None


def test_the_first_event_of_a_shop_follows_nothing() -> None:
    ledger = Ledger()
    ledger.started("0")
    assert ledger.event("1-1") is None


def test_a_new_epoch_is_no_gap_but_an_old_one_is_a_repeat() -> None:
    ledger = Ledger()
    ledger.started("1-40")
    assert ledger.event("2-39") is None
    assert ledger.event("1-41") == "repeat: 1-41 after 2-39"


def test_a_reset_is_a_fault_even_though_it_was_said() -> None:
    ledger = Ledger()
    ledger.started("1-4")
    assert "retention" in ledger.reset("1-90", "retention")
    assert ledger.event("1-91") is None


def test_a_terminal_has_reached_what_it_was_promised_or_has_not() -> None:
    assert reached("1-42", "1-42")
    assert reached("2-1", "1-42")
    assert not reached("1-41", "1-42")
    assert not reached(None, "1-1")
