"""The wheel: every member once a turn, and members that come together are not due together."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.wheel import Wheel

SLOTS = st.integers(1, 40)
# Each step adds a member, removes the member of that place in the list, or moves one slot on.
STEPS = st.lists(st.sampled_from(["add", "turn"]) | st.integers(0, 60), max_size=120)


def a_turn(wheel: Wheel[int], slots: int) -> list[int]:
    return [member for _ in range(slots) for member in wheel.turn()]


@given(SLOTS, STEPS)
def test_a_whole_turn_visits_every_member_once_whatever_came_and_went_before(
    slots: int, steps: list[str | int]
) -> None:
    wheel: Wheel[int] = Wheel(slots)
    places: dict[int, int] = {}
    for number, step in enumerate(steps):
        if step == "add":
            places[number] = wheel.add(number)
        elif step == "turn":
            wheel.turn()
        elif isinstance(step, int) and step < len(places):
            member = list(places)[step]
            wheel.remove(member, places.pop(member))
    assert sorted(a_turn(wheel, slots)) == sorted(places)


@given(SLOTS, st.integers(0, 200))
def test_members_that_come_together_are_spread_evenly_over_a_turn(slots: int, members: int) -> None:
    wheel: Wheel[int] = Wheel(slots)
    for member in range(members):
        wheel.add(member)
    due = [len(wheel.turn()) for _ in range(slots)]
    assert max(due) - min(due) <= 1


@given(SLOTS, st.integers(0, 100))
def test_a_member_comes_again_after_exactly_one_turn(slots: int, ticks: int) -> None:
    wheel: Wheel[str] = Wheel(slots)
    for _ in range(ticks):
        wheel.turn()
    wheel.add("till")
    due = [tick for tick in range(3 * slots) if wheel.turn()]
    assert [later - earlier for earlier, later in pairwise(due)] == [slots, slots]


@given(SLOTS)
def test_a_member_that_is_not_there_may_be_removed_twice(slots: int) -> None:
    wheel: Wheel[str] = Wheel(slots)
    slot = wheel.add("till")
    wheel.remove("till", slot)
    wheel.remove("till", slot)
    assert not any(wheel.turn() for _ in range(slots))


@given(st.integers(2, 20))
def test_members_may_leave_while_their_slot_is_visited(members: int) -> None:
    wheel: Wheel[int] = Wheel(1)
    slots = {member: wheel.add(member) for member in range(members)}
    for member in wheel.turn():
        wheel.remove(member, slots[member])
    assert wheel.turn() == []


@given(st.integers(max_value=0))
def test_a_wheel_without_a_slot_is_refused(slots: int) -> None:
    with pytest.raises(ValueError, match="at least one slot"):
        Wheel(slots)
