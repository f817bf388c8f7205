"""The judge finds what is wrong with a history, and nothing wrong with a good one."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.verify.judge import INVARIANTS, judge
from bellwire.verify.notes import Answer, Listed, Notes, Seen, Write
from tests.verify.histories import good

COUNT = 12
Cuts = st.sets(st.integers(1, COUNT - 1), max_size=3).map(sorted)
# Where in the history of the first terminal something is broken; the first event of all is as good as any.
Place = st.integers(0, COUNT - 1)


def found(notes: Notes) -> set[str]:
    """Which promises a history breaks."""
    return {violation.invariant for violation in judge(notes)}


def take(notes: Notes, place: int) -> tuple[list[Seen], int]:
    """The raw log that holds the event at `place` of the first terminal, and the event's index in it."""
    for connection in notes.terminals[0].connections:
        if place < len(connection.raw):
            return connection.raw, place
        place -= len(connection.raw)
    raise AssertionError("no such place")


def reapply(notes: Notes) -> None:
    """A terminal applied exactly the raw events that came."""
    terminal = notes.terminals[0]
    terminal.applied = [event for connection in terminal.connections for event in connection.raw]


@given(Cuts)
def test_a_history_without_a_fault_has_no_violation(cuts: list[int]) -> None:
    assert judge(good(COUNT, cuts)) == []


@given(st.integers(1, COUNT - 1), st.integers(0, COUNT - 2))
def test_a_history_that_goes_on_in_a_later_epoch_has_no_violation_wherever_its_terminal_was_before(
    fork: int, missed: int
) -> None:
    # It came back behind the fork, or had missed some events of the earlier epoch.
    cut = max(1, fork - missed)
    notes = good(COUNT, [cut])
    moved = {event.offset: in_epoch_2(event.offset, fork) for event in notes.listed["bistro"]}
    notes.listed["bistro"] = [
        dataclasses.replace(event, offset=moved[event.offset]) for event in notes.listed["bistro"]
    ]
    for write in notes.writes:
        for answer in write.answers:
            if write.tenant == "bistro":
                answer.body["offset"] = moved[answer.body["offset"]]
    terminal = next(each for each in notes.terminals if each.tenant == "bistro")
    for connection in terminal.connections:
        connection.raw = [dataclasses.replace(event, offset=moved[event.offset]) for event in connection.raw]
    terminal.applied = [event for connection in terminal.connections for event in connection.raw]
    # It came back with an offset of the old epoch, and was told its name in the new one.
    terminal.connections[1].after = f"2-{cut}"
    assert judge(notes) == []
    # Another place in the new epoch is another matter.
    terminal.connections[1].after = f"2-{cut - 1}"
    assert "order" in found(notes)


def in_epoch_2(offset: str, fork: int) -> str:
    """The offset, when history goes on in epoch 2 behind `fork`."""
    seq = int(offset.partition("-")[2])
    return f"{1 if seq <= fork else 2}-{seq}"


@given(Cuts, Place)
def test_one_dropped_event_is_a_loss(cuts: list[int], place: int) -> None:
    notes = good(COUNT, cuts)
    raw, index = take(notes, place)
    del raw[index]
    reapply(notes)
    assert "loss" in found(notes)


def test_a_dropped_last_event_is_a_loss() -> None:
    notes = good(COUNT, [])
    del notes.terminals[0].connections[0].raw[-1]
    reapply(notes)
    assert found(notes) == {"loss"}


@given(st.integers(0, COUNT - 2))
def test_two_swapped_events_are_out_of_order(place: int) -> None:
    notes = good(COUNT, [])
    raw, index = take(notes, place)
    raw[index], raw[index + 1] = raw[index + 1], raw[index]
    reapply(notes)
    assert found(notes) == {"order"}


@given(Cuts, Place)
def test_an_event_twice_on_one_connection_is_a_repeat_even_when_it_was_applied_once(
    cuts: list[int], place: int
) -> None:
    notes = good(COUNT, cuts)
    raw, index = take(notes, place)
    raw.insert(index + 1, raw[index])
    assert found(notes) == {"repeat"}


@given(Cuts, Place)
def test_an_event_of_another_tenant_breaks_isolation(cuts: list[int], place: int) -> None:
    notes = good(COUNT, cuts)
    raw, index = take(notes, place)
    raw.insert(index, dataclasses.replace(raw[index], tenant="bistro"))
    reapply(notes)
    assert "isolation" in found(notes)


@given(Cuts, Place)
def test_an_event_that_the_log_does_not_have_like_that_is_a_phantom(cuts: list[int], place: int) -> None:
    notes = good(COUNT, cuts)
    raw, index = take(notes, place)
    raw[index] = dataclasses.replace(raw[index], digest="made up")
    reapply(notes)
    assert found(notes) == {"phantom"}


def test_an_event_later_than_the_log_is_a_phantom() -> None:
    notes = good(COUNT, [])
    raw = notes.terminals[0].connections[0].raw
    raw.append(dataclasses.replace(raw[-1], offset=f"1-{COUNT + 3}"))
    reapply(notes)
    assert found(notes) == {"phantom"}


@given(Place)
def test_an_accepted_order_that_the_log_does_not_list_is_a_loss(place: int) -> None:
    notes = good(COUNT, [])
    del notes.listed["bistro"][place]
    assert "loss" in found(notes)


@given(Place)
def test_an_order_that_is_in_the_log_twice_happened_not_exactly_once(place: int) -> None:
    notes = good(COUNT, [])
    listed = notes.listed["bistro"]
    listed.append(dataclasses.replace(listed[place], offset=f"1-{COUNT + 1}"))
    assert "once" in found(notes)


@given(Place)
def test_a_repeat_that_is_answered_with_another_offset_happened_not_exactly_once(place: int) -> None:
    notes = good(COUNT, [])
    notes.writes[place].answers.append(Answer(201, {"offset": "1-99"}))
    assert found(notes) == {"once"}


@given(Place)
def test_an_event_of_a_refused_order_is_a_phantom(place: int) -> None:
    notes = good(COUNT, [])
    notes.writes[place].answers = [Answer(422, {})]
    assert found(notes) == {"phantom"}


@given(Place)
def test_an_event_with_another_total_is_a_phantom(place: int) -> None:
    notes = good(COUNT, [])
    notes.writes[place].amount += 1
    assert found(notes) == {"phantom"}


@given(st.integers(0, 10_000).filter(lambda amount: amount != 3000))
def test_a_balance_that_is_not_the_sum_is_wrong_money(amount: int) -> None:
    notes = good(COUNT, [])
    notes.balances[0] = dataclasses.replace(notes.balances[0], amount=amount)
    assert found(notes) == {"money"}


def test_a_balance_below_zero_is_wrong_money() -> None:
    notes = good(COUNT, [])
    event = notes.listed["kitchen"][-1]
    event.data["balance"] = -0.01
    assert found(notes) == {"money"}


@given(Cuts.filter(bool))
def test_a_connection_that_starts_elsewhere_than_asked_is_out_of_order(cuts: list[int]) -> None:
    notes = good(COUNT, cuts)
    connection = notes.terminals[0].connections[-1]
    connection.after = "1-0"
    assert "order" in found(notes)


def test_a_reset_is_told_though_nothing_is_missing_silently() -> None:
    notes = good(COUNT, [])
    notes.terminals[0].connections[0].resets.append("1-3")
    assert found(notes) == {"reset"}


def test_a_write_without_an_outcome_is_unresolved() -> None:
    notes = good(COUNT, [])
    notes.writes[0].answers.clear()
    assert "unresolved" in found(notes)


def test_a_terminal_that_never_came_in_has_lost_everything() -> None:
    notes = good(COUNT, [])
    notes.terminals[0].start = None
    assert found(notes) == {"loss"}


def test_a_terminal_that_ended_before_the_run_did_owes_nothing_beyond_its_position_and_all_before_it() -> (
    None
):
    notes = good(COUNT, [])
    terminal = notes.terminals[0]
    terminal.ended = True
    del terminal.connections[0].raw[5:]
    reapply(notes)
    assert judge(notes) == []
    del terminal.connections[0].raw[2]
    reapply(notes)
    assert "loss" in found(notes)


def test_an_event_behind_what_terminals_were_waited_for_is_owed_to_nobody_and_one_before_it_is() -> None:
    notes = good(COUNT, [])
    del notes.terminals[0].connections[0].raw[-1]
    reapply(notes)
    notes.waited["kitchen"] = f"1-{COUNT + 1}"
    assert judge(notes) == []
    notes.waited["kitchen"] = f"1-{COUNT + 2}"
    assert found(notes) == {"loss"}


def test_a_filtered_terminal_may_miss_other_types_and_nothing_else() -> None:
    notes = good(COUNT, [])
    terminal = notes.terminals[0]
    terminal.types = frozenset({"new_order"})
    terminal.connections[0].raw = terminal.connections[0].raw[:COUNT]
    reapply(notes)
    assert judge(notes) == []
    del terminal.connections[0].raw[3]
    reapply(notes)
    assert found(notes) == {"loss"}


Story = list[tuple[str, dict[str, object]]]
RAISED = {"orderOffset": "1-1", "waitedSeconds": 31}
ENDED = {"waitedSeconds": 70, "attempts": 2, "terminalId": "t"}
ALARM: Story = [
    ("order_unacknowledged", {**RAISED, "attempt": 1}),
    ("order_unacknowledged", {**RAISED, "attempt": 2, "waitedSeconds": 61}),
    ("order_acknowledged", ENDED),
    ("order_updated", {"status": "preparing", "previousStatus": "pending"}),
]


def of_alarms(story: Story, **of: object) -> set[str]:
    """The promises that are broken where that is said of the first order of a shop, behind everything else."""
    notes = good(COUNT, [])
    notes.terminals.clear()
    listed = notes.listed["bistro"]
    listed[0].data["orderNumber"] = "ORD-1"
    for type_, data in story:
        body: dict[str, Any] = {"orderId": "bistro-1", "orderNumber": "ORD-1", **data, **of}
        listed.append(Listed(f"1-{len(listed) + 1}", "bistro", type_, type_, body))
    moved = [event for event in listed if event.type == "order_updated"]
    notes.writes += [
        Write("status", "bistro", "s", target="bistro-1", detail=event.data["status"],
              answers=[Answer(200, {"offset": event.offset})]) for event in moved
    ]  # fmt: skip
    return found(notes)


def test_an_alarm_that_rises_by_attempts_and_ends_has_no_violation_wherever_it_stops() -> None:
    for count in range(len(ALARM) + 1):
        assert of_alarms(ALARM[:count]) == set()
    # An attempt was left out; one without a number is of a version that gives but one.
    assert of_alarms(ALARM[1:3]) == set()
    assert of_alarms([("order_unacknowledged", RAISED)]) == set()
    # Of an order that was placed before the log begins, nothing can be said.
    assert of_alarms(ALARM[2:3], orderId="earlier") == set()


FALSE_ALARMS: dict[str, Story] = {
    "twice": [ALARM[0], ALARM[0]],
    "out of its turn": [ALARM[1], ALARM[0]],
    "of an attempt that there is not": [("order_unacknowledged", {**RAISED, "attempt": 12})],
    "of attempt zero": [("order_unacknowledged", {**RAISED, "attempt": 0})],
    "of an attempt that is no number": [("order_unacknowledged", {**RAISED, "attempt": "1"})],
    "of an order that moved on": [ALARM[3], ALARM[0]],
    "of an order that was seen": [*ALARM[:3], ("order_unacknowledged", {**RAISED, "attempt": 3})],
    "of another offset": [("order_unacknowledged", {**RAISED, "orderOffset": "1-2"})],
    "of another number": [("order_unacknowledged", {**RAISED, "orderNumber": "ORD-2"})],
    "that waited for less than nothing": [("order_unacknowledged", {**RAISED, "waitedSeconds": -1})],
    "an end of none": [("order_acknowledged", {**ENDED, "attempts": 0})],
    "an end twice": [*ALARM[:3], ALARM[2]],
    "an end of more attempts than there were": [ALARM[0], ALARM[2]],
    "an end behind a step": [*ALARM[:2], ALARM[3], ALARM[2]],
    "an end by nobody": [*ALARM[:2], ("order_acknowledged", {"waitedSeconds": 70, "attempts": 2})],
    "an end by two": [*ALARM[:2], ("order_acknowledged", {**ENDED, "webhookId": "w"})],
}


@pytest.mark.parametrize("story", FALSE_ALARMS)
def test_a_false_alarm_is_found(story: str) -> None:
    assert of_alarms(FALSE_ALARMS[story]) == {"alarm"}


def test_every_violation_has_a_name_that_the_table_explains() -> None:
    notes = good(COUNT, [])
    notes.terminals[0].connections[0].raw.reverse()
    reapply(notes)
    assert found(notes) <= set(INVARIANTS)
