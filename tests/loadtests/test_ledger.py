"""Nothing of a stream is missed by the one who judges it: holes, repeats, swaps, foreign events."""

import pytest

from loadtests.core.ledger import Fault, Ledger, parse, reached
from loadtests.core.record import FOREIGN, LOST, REPEATED, RESET, RESUMED, SWAPPED


def fed(*offsets: str, start: str = "1-3") -> tuple[Ledger, list[Fault]]:
    ledger = Ledger("kitchen")
    assert ledger.started(start) is None
    faults = [fault for offset in offsets if (fault := ledger.event(offset, "kitchen")) is not None]
    return ledger, faults


def kinds(faults: list[Fault]) -> list[str]:
    return [fault.kind for fault in faults]


def test_one_event_after_the_other_is_without_fault() -> None:
    ledger, faults = fed("1-4", "1-5", "1-6")
    assert (faults, ledger.offset, ledger.events) == ([], "1-6", 3)
    assert ledger.lost(over=True) is None


def test_a_hole_is_lost_at_the_second_look_and_when_the_connection_ends() -> None:
    ledger, faults = fed("1-4", "1-7")
    assert faults == []
    assert ledger.lost() is None
    assert ledger.lost() == Fault(LOST, "kitchen: 1-5, 1-6 never came", 2)
    ledger, _ = fed("1-5")
    assert ledger.lost(over=True) == Fault(LOST, "kitchen: 1-4 never came")


def test_two_that_changed_places_are_out_of_order_and_neither_lost_nor_repeated() -> None:
    ledger, faults = fed("1-5", "1-4", "1-6")
    assert kinds(faults) == [SWAPPED]
    assert ledger.lost(over=True) is None


def test_the_same_event_again_is_a_repeat_and_moves_nothing() -> None:
    ledger, faults = fed("1-4", "1-5", "1-5", "1-4")
    assert kinds(faults) == [REPEATED, REPEATED]
    assert ledger.offset == "1-5"


def test_another_shop_s_event_is_foreign_and_counts_for_nothing_else() -> None:
    ledger, _ = fed("1-4")
    fault = ledger.event("1-5", "bistro")
    assert fault is not None
    assert fault.kind == FOREIGN
    assert ledger.event("1-5", "kitchen") is None


def test_a_new_epoch_may_begin_anywhere() -> None:
    ledger, faults = fed("1-4", "2-9", "2-10")
    assert faults == []
    assert ledger.lost(over=True) is None


def test_a_connection_has_to_begin_where_the_last_one_ended() -> None:
    ledger, _ = fed("1-4")
    assert ledger.started("1-4") is None
    fault = ledger.started("1-7")
    assert fault is not None
    assert fault.kind == RESUMED


def test_an_event_before_the_begin_is_a_fault() -> None:
    fault = Ledger("kitchen").event("1-1", "kitchen")
    assert fault is not None
    assert fault.kind == RESUMED


def test_a_reset_is_a_fault_and_goes_on_from_where_it_says() -> None:
    ledger, _ = fed("1-4", "1-9")
    assert ledger.reset("1-20", "retention").kind == RESET
    assert ledger.event("1-21", "kitchen") is None
    assert ledger.lost(over=True) is None


def test_at_the_end_what_an_answer_promised_has_to_be_there() -> None:
    ledger, _ = fed("1-4")
    assert ledger.missing("1-4") is None
    assert ledger.missing("1-6") == Fault(LOST, "kitchen: 1-6 never came, the last was 1-4", 2)


@pytest.mark.parametrize(
    ("position", "wanted", "yes"), [(None, "1-1", False), ("1-2", "1-2", True), ("2-1", "1-9", True)]
)
def test_a_position_has_reached_all_before_it(position: str | None, wanted: str, yes: bool) -> None:
    assert reached(position, wanted) is yes


def test_an_offset_is_two_numbers_and_nothing_else() -> None:
    assert (parse("0"), parse("3-14")) == ((0, 0), (3, 14))
    with pytest.raises(ValueError):
        parse("soon")
