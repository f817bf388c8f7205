"""The live terminals of one room, in cohorts; each cohort is a slice of the room's fan-out.

Knows cohorts and whose turn it is among them. What the log holds is the room's business.
"""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.fanout.cohort import SIZE, Cohort, Kind
from gateway.fanout.send_all import SendAll

if TYPE_CHECKING:
    from gateway.rooms.session import Session


class Broadcast:
    """Cohorts, none of them empty, and those among them that have something to send, in the order of their turns."""

    __slots__ = ("_by_kind", "_due", "_send_all")

    def __init__(self, send_all: SendAll) -> None:
        self._by_kind: dict[Kind, list[Cohort]] = {}
        self._due: deque[Cohort] = deque()
        self._send_all = send_all

    def __iter__(self) -> Iterator["Session"]:
        """Every live terminal; do not change the crowd meanwhile."""
        for cohorts in self._by_kind.values():
            for cohort in cohorts:
                yield from cohort.terminals

    def cohort_for(self, kind: Kind, head_seq: int) -> Cohort:
        """Return a cohort of this kind that has room; a new one stands at the head, another one may be behind it."""
        cohorts = self._by_kind.setdefault(kind, [])
        for cohort in reversed(cohorts):
            if len(cohort.terminals) < SIZE:
                return cohort
        cohorts.append(Cohort(kind, head_seq, self._send_all))
        return cohorts[-1]

    def discard(self, terminal: "Session") -> bool:
        """Let a terminal go, with its position; returns whether it was live."""
        cohort = terminal.cohort
        if cohort is None:
            return False
        cohort.remove(terminal)
        if not cohort.terminals:
            self._forget(cohort)
        return True

    def scatter(self) -> list["Session"]:
        """Let everybody go, each with its position."""
        terminals = list(self)
        for terminal in terminals:
            self.discard(terminal)
        return terminals

    def hurry(self) -> None:
        """There is news for everybody: each cohort that does not wait for its turn already gets in line."""
        for cohorts in self._by_kind.values():
            for cohort in cohorts:
                if not cohort.due:
                    cohort.due = True
                    self._due.append(cohort)

    def next_due(self) -> Cohort | None:
        """Take the cohort whose turn it is out of the line."""
        while self._due:
            cohort = self._due.popleft()
            cohort.due = False
            if cohort.terminals:
                return cohort
        return None

    def again(self, cohort: Cohort) -> None:
        """A cohort that was sent its share and has more to come goes to the end of the line."""
        if cohort.terminals and not cohort.due:
            cohort.due = True
            self._due.append(cohort)

    @property
    def waiting(self) -> bool:
        """Whether anybody waits for a turn."""
        return bool(self._due)

    def _forget(self, cohort: Cohort) -> None:
        cohorts = self._by_kind[cohort.kind]
        cohorts.remove(cohort)
        if not cohorts:
            del self._by_kind[cohort.kind]
