"""The members due at a tick: every member once a turn, spread evenly over its slots. Pure; time is the tick's number.

One wheel serves a whole process: no timer per connection.
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """Members in slots; `turn` visits one slot a tick.

    >>> wheel: Wheel[str] = Wheel(2)
    >>> wheel.add("a"), wheel.add("b"), wheel.add("c")
    (0, 1, 0)
    >>> wheel.turn()
    ['a', 'c']
    >>> wheel.turn()
    ['b']
    """

    def __init__(self, slots: int) -> None:
        if slots < 1:
            raise ValueError("a wheel has at least one slot")
        self._slots: list[dict[T, None]] = [{} for _ in range(slots)]
        self._at = 0
        self._fill = 0

    def add(self, member: T) -> int:
        """Put a member into the next slot in turn, so that members that come together are not due together.

        Returns:
            Its slot; hand it back to `remove`.
        """
        slot = self._fill
        self._fill = (slot + 1) % len(self._slots)
        self._slots[slot][member] = None
        return slot

    def remove(self, member: T, slot: int) -> None:
        """Take a member out; one that is not there is not missed."""
        self._slots[slot].pop(member, None)

    def turn(self) -> list[T]:
        """Move one slot on and return its members."""
        members = list(self._slots[self._at])
        self._at = (self._at + 1) % len(self._slots)
        return members
