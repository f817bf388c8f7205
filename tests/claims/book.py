"""Claims as the contract's page tells them, kept by hand: what each question has to be answered, and the promises.

Knows a clock of whole seconds that goes where it is put, and nothing of the database.
"""

from collections import defaultdict
from dataclasses import dataclass, field

MOST = 3
"""Purposes of an order, here."""


@dataclass(slots=True)
class Claim:
    """An order's purpose: its newest fence, and whose it is until when. `time` is what `until` was reckoned with."""

    fence: int
    holder: int
    until: int
    time: int
    done: bool = False


@dataclass(slots=True)
class Book:
    """The claims of some orders."""

    clock: int = 1_000_000
    cancelled: set[int] = field(default_factory=set)
    claims: dict[tuple[int, str], Claim] = field(default_factory=dict)
    given: dict[tuple[int, str, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    """The terminals that were given each fence, whenever."""

    def claim(self, order: int, terminal: int, purpose: str, time: int) -> tuple[str, int | None, int | None]:
        """Return what becomes of asking, and the fence and the end that are told."""
        if order in self.cancelled:
            return "wrong_step", None, None
        now = self.claims.get((order, purpose))
        if now is None:
            if sum(of == order for of, _ in self.claims) >= MOST:
                return "too_many", None, None
            return self._give(order, terminal, purpose, 1, time, "granted")
        if now.done:
            return "done", now.fence, None
        if now.until <= self.clock:
            word = "granted" if now.holder == terminal else "taken_over"
            return self._give(order, terminal, purpose, now.fence + 1, time, word)
        # A holder has no more than its time from now, whatever the clock did.
        now.until = min(now.until, self.clock + now.time)
        if now.holder != terminal:
            return "held", None, now.until
        if self.clock + time > now.until:
            now.until, now.time = self.clock + time, time
        return "renewed", now.fence, now.until

    def _give(
        self, order: int, terminal: int, purpose: str, fence: int, time: int, word: str
    ) -> tuple[str, int, int]:
        self.claims[order, purpose] = Claim(fence, terminal, self.clock + time, time)
        self.given[order, purpose, fence].add(terminal)
        return word, fence, self.clock + time

    def finish(self, order: int, terminal: int, purpose: str, fence: int) -> str:
        """Return what becomes of saying that it is done."""
        now = self.claims.get((order, purpose))
        if now is None:
            return "not_claimed"
        if fence > now.fence:
            return "never_given"
        if fence < now.fence:
            return "stale"
        if terminal != now.holder:
            return "done_by_other" if now.done else "held"
        word = "repeated" if now.done else "done"
        now.done = True
        return word
