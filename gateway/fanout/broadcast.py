"""One room's fan-out: its live cursors in cohorts, and the turns in which each cohort is sent what is new.

Knows the log and the cohorts. Two calls lead out of here: `settle`, for a cursor that the ring has lost sight of, and
`latency`, when everybody has been sent everything. A tenant is a name here, for the log of faults.

Why: docs/decisions/0042-bugs-cost-connections.md
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic

from backbone.contract.errors import CloseCode
from gateway.core.cursor import Portions
from gateway.core.tenant_log import TenantLog
from gateway.fanout.cohort import SIZE, TURN_BYTES, C, Cohort, Kind, kind_of
from gateway.fanout.send_all import SendAll

log = logging.getLogger("bellwire.broadcast")


class Broadcast(Generic[C]):
    """Cohorts, none of them empty, and those among them that have something to send, in the order of their turns.

    It is what `gateway.fanout.scheduler` gives turns to.
    """

    __slots__ = ("_by_kind", "_due", "_latency", "_log", "_portions", "_send_all", "_settle", "tenant")

    def __init__(
        self,
        tenant: str,
        tenant_log: TenantLog,
        send_all: SendAll,
        settle: Callable[[C], None],
        latency: Callable[[], None],
    ) -> None:
        self.tenant = tenant
        self._log = tenant_log
        self._send_all = send_all
        self._settle = settle
        self._latency = latency
        self._portions = Portions(tenant_log, TURN_BYTES)
        self._by_kind: dict[Kind, list[Cohort[C]]] = {}
        self._due: deque[Cohort[C]] = deque()

    def __iter__(self) -> Iterator[C]:
        """Every live cursor; let none in or out meanwhile."""
        for cohorts in self._by_kind.values():
            for cohort in cohorts:
                yield from cohort.cursors

    # -- who is live ---------------------------------------------------------------------------------------------

    def join(self, cursor: C) -> None:
        """Take in a cursor that stands at the head."""
        kind = kind_of(cursor)
        cohort = self._cohort_for(kind)
        while cohort.position < self._log.head_seq:
            # Its turn is yet to come. It gets it now: a cursor that joins a cohort stands where the others stand.
            # Asked anew each time, for the send may have emptied the cohort, which is forgotten then.
            self._advance(cohort)
            cohort = self._cohort_for(kind)
        cohort.add(cursor)

    def discard(self, cursor: C) -> bool:
        """Let a cursor go, with its position; returns whether it was live."""
        cohort = cursor.cohort
        if cohort is None:
            return False
        cohort.remove(cursor)
        if not cohort.cursors:
            self._forget(cohort)
        return True

    def scatter(self) -> list[C]:
        """Let everybody go, each with its position."""
        cursors = list(self)
        for cursor in cursors:
            self.discard(cursor)
        return cursors

    def _cohort_for(self, kind: Kind) -> Cohort[C]:
        """Return a cohort of this kind that has room; a new one stands at the head, another one may be behind it."""
        cohorts = self._by_kind.setdefault(kind, [])
        for cohort in reversed(cohorts):
            if len(cohort.cursors) < SIZE:
                return cohort
        cohorts.append(Cohort(kind, self._log.head_seq, self._send_all))
        return cohorts[-1]

    def _forget(self, cohort: Cohort[C]) -> None:
        cohorts = self._by_kind[cohort.kind]
        cohorts.remove(cohort)
        if not cohorts:
            del self._by_kind[cohort.kind]

    # -- turns ---------------------------------------------------------------------------------------------------

    def hurry(self) -> None:
        """There is news for everybody: each cohort that does not wait for its turn already gets in line."""
        for cohorts in self._by_kind.values():
            for cohort in cohorts:
                if not cohort.due:
                    cohort.due = True
                    self._due.append(cohort)

    @property
    def busy(self) -> bool:
        """Whether some live cursors are yet to be sent what is new."""
        return bool(self._due)

    def take_turn(self) -> int:
        """Send one cohort what is new; returns how many sockets that were."""
        cohort = self._next_due()
        count = 0
        if cohort is not None:
            count = len(cohort.cursors)
            self._advance(cohort)
            # It was sent its share, and has more to come: to the end of the line.
            if cohort.position < self._log.head_seq and cohort.cursors and not cohort.due:
                cohort.due = True
                self._due.append(cohort)
        if not self._due:
            self._portions.forget()
            self._latency()
        return count

    def _next_due(self) -> Cohort[C] | None:
        while self._due:
            cohort = self._due.popleft()
            cohort.due = False
            if cohort.cursors:
                return cohort
        return None

    def _advance(self, cohort: Cohort[C]) -> None:
        try:
            step = self._portions.after(cohort.position, cohort.kind.filter, cohort.kind.encoding.event)
            if step is not None:
                cohort.advance(step)
                return
        except Exception:
            # The cohort has moved on, and nobody knows whom it took along: all come back and say where they stand.
            log.exception("room.bug", extra={"task": "fan-out", "tenant": self.tenant})
            for cursor in tuple(cohort.cursors):
                cursor.socket.close(CloseCode.INTERNAL, "a fault of ours; resume by offset")
            return
        # So far behind that the ring has lost sight of it: the replayer reads for it.
        for cursor in tuple(cohort.cursors):
            self._settle(cursor)
