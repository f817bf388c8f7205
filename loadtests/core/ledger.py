"""The events of one terminal, judged entry by entry: nothing missing, nothing twice, nothing out of order.

A client takes offsets as opaque; a judge may not. Here `<epoch>-<seq>` is read, and `seq` has to rise by one. A hole is
not judged at once: where what lies in it comes later on the same connection it is out of order, else it is lost.
Pure: no clock, no socket.
"""

from dataclasses import dataclass, field

from loadtests.core.record import FOREIGN, LOST, REPEATED, RESET, RESUMED, SWAPPED

Position = tuple[int, int]
MOST_HOLES = 1000


def parse(offset: str) -> Position:
    """`"1-42"` as `(1, 42)`, and `"0"`, before everything, as `(0, 0)`; another form is a `ValueError`."""
    epoch, _, seq = offset.partition("-")
    return int(epoch), int(seq or 0)


def reached(position: str | None, wanted: str) -> bool:
    """Whether a terminal at `position` has everything up to `wanted`."""
    return position is not None and parse(position) >= parse(wanted)


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken promise: its kind, and what exactly."""

    kind: str
    text: str
    count: int = 1


@dataclass(slots=True)
class Ledger:
    """The position of one terminal over all its connections.

    `position` is the offset of the newest event, or where the stream started; `holes` are those that were passed over.
    """

    tenant: str = ""
    position: Position | None = None
    events: int = 0
    holes: dict[Position, bool] = field(default_factory=dict)

    @property
    def offset(self) -> str | None:
        """The position, as a client names it."""
        return None if self.position is None else _text(self.position)

    def started(self, after: str) -> Fault | None:
        """A connection begins after `after`; returns what is wrong with it, if anything."""
        begin = parse(after)
        if self.position is not None and begin != self.position:
            return Fault(RESUMED, f"asked for what follows {self.offset}, was given what follows {after}")
        self.position = begin
        return None

    def event(self, offset: str, tenant: str | None = None) -> Fault | None:
        """An event arrived; returns what is wrong with it, if anything."""
        if tenant is not None and tenant != self.tenant:
            return Fault(FOREIGN, f"{offset} of {tenant} came to a terminal of {self.tenant}")
        now = parse(offset)
        self.events += 1
        if self.position is None:
            self.position = now
            return Fault(RESUMED, f"{offset} came before it was said where the stream begins")
        before = self.position
        if now <= before:
            if self.holes.pop(now, None) is not None:
                return Fault(SWAPPED, f"{offset} came behind {_text(before)}")
            return Fault(REPEATED, f"{offset} came again, behind {_text(before)}")
        # A new epoch starts where its fork lies; only within one epoch is the next number known.
        if now[0] == before[0]:
            for seq in range(before[1] + 1, min(now[1], before[1] + 1 + MOST_HOLES)):
                self.holes[now[0], seq] = False
        self.position = now
        return None

    def reset(self, to: str, reason: str) -> Fault:
        """History was not replayed; said honestly, but nothing that a load test may meet."""
        self.position = parse(to)
        self.holes.clear()
        return Fault(RESET, f"reset to {to}: {reason}")

    def lost(self, *, over: bool = False) -> Fault | None:
        """The holes that were there at the last look, or, where the connection is `over`, all: those are lost."""
        gone = sorted(hole for hole, known in self.holes.items() if over or known)
        for hole in gone:
            del self.holes[hole]
        for hole in self.holes:
            self.holes[hole] = True
        if not gone:
            return None
        return Fault(LOST, f"{self.tenant}: {', '.join(map(_text, gone[:5]))} never came", len(gone))

    def missing(self, owed: str) -> Fault | None:
        """At the end of a run: what an answer promised and did not come."""
        wanted = parse(owed)
        position = self.position or (0, 0)
        if position >= wanted:
            return None
        count = wanted[1] - position[1] if wanted[0] == position[0] else 1
        return Fault(LOST, f"{self.tenant}: {owed} never came, the last was {self.offset}", max(1, count))


def _text(position: Position) -> str:
    return "0" if position == (0, 0) else f"{position[0]}-{position[1]}"
