"""The events of one terminal, judged entry by entry: nothing missing, nothing twice, nothing out of order.

A client takes offsets as opaque; a judge may not. Here `<epoch>-<seq>` is read, and `seq` has to rise by one.
Pure: no clock, no socket.
"""

from dataclasses import dataclass, field


def parse(offset: str) -> tuple[int, int]:
    """`"1-42"` as `(1, 42)`, and `"0"`, before everything, as `(0, 0)`; another form is a `ValueError`."""
    epoch, _, seq = offset.partition("-")
    return int(epoch), int(seq or 0)


def reached(position: str | None, wanted: str) -> bool:
    """Whether a terminal at `position` has everything up to `wanted`."""
    return position is not None and parse(position) >= parse(wanted)


@dataclass(slots=True)
class Ledger:
    """The position of one terminal over all its connections, and what was wrong on the way.

    `position` is the offset of the last event, or where the stream started.
    """

    position: str | None = None
    events: int = 0
    faults: list[str] = field(default_factory=list)

    def started(self, after: str) -> str | None:
        """A connection begins after `after`; returns what is wrong with it, if anything."""
        if self.position is not None and parse(after) != parse(self.position):
            return self._fault(f"asked for what follows {self.position}, was given what follows {after}")
        self.position = after
        return None

    def event(self, offset: str) -> str | None:
        """An event arrived; returns what is wrong with it, if anything."""
        self.events += 1
        if self.position is None:
            self.position = offset
            return self._fault(f"event {offset} came before hello")
        before, now = parse(self.position), parse(offset)
        if now <= before:
            return self._fault(f"repeat: {offset} after {self.position}")
        fault = None
        # A new epoch starts where its fork lies; only within one epoch is the next number known.
        if now[0] == before[0] and now[1] != before[1] + 1:
            fault = self._fault(f"gap: {offset} after {self.position}")
        self.position = offset
        return fault

    def reset(self, to: str, reason: str) -> str:
        """History was not replayed; said honestly, but nothing that a load test may meet."""
        self.position = to
        return self._fault(f"reset to {to}: {reason}")

    def _fault(self, text: str) -> str:
        self.faults.append(text)
        return text
