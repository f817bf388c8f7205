"""One terminal, whatever its door: what it has, what it said, and what it found wrong.

Knows the contract's messages, and keeps its notes in the process's record. Does not know a transport. The moment at
which bytes came is taken by the transport, before anything is parsed.
"""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from loadtests.core import rows
from loadtests.core.ledger import Fault, Ledger, reached
from loadtests.core.marker import sent_ns
from loadtests.core.place import Place
from loadtests.core.record import ALARM_MISSING, REFUSED, Record

EVENT = re.compile(rb'\{"type":"(\w+)","tenant":"([^"]*)","offset":"(\d+-\d+)"')
ACK_SECONDS = 0.5
# An alarm comes within two seconds of its moment; where it has not come long after, it is missing.
ALARM_GRACE_SECONDS = 10.0
# The code of a connection that ended without a word.
CUT = 1006
FOR_GOOD = frozenset({4401, 4403, 4404, 4409})


@dataclass(slots=True)
class Seat:
    """A terminal over all its connections."""

    place: Place
    people: str
    record: Record
    ledger: Ledger = field(init=False)
    open: bool = False
    live: bool = False
    over: bool = False
    said: str | None = None
    reading: str | None = None
    _asked_at: float = 0.0
    _left_at: float | None = None
    _missed: int = 0
    _due: str | None = None
    _acked_at: float = 0.0
    _alarms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.place.tenant)

    @property
    def after(self) -> str | None:
        """Where the next connection begins; None is live from the head."""
        return self.ledger.offset

    # A connection's life.

    def asking(self) -> None:
        """A connection is asked for."""
        self._asked_at, self._missed, self.live = time.perf_counter(), 0, False

    def message(self, data: bytes, at_ns: int) -> None:
        """A message of the stream, as it came at `at_ns` of the wall clock."""
        event = EVENT.match(data)
        if event is not None:
            self._event(event[1].decode(), event[2].decode(), event[3].decode(), data, at_ns)
            return
        # A control message, or an event whose members stand otherwise: that is nobody's promise.
        content = json.loads(data)
        match content.get("type"):
            case kind if "offset" in content and "data" in content:
                self._event(kind, content["tenant"], content["offset"], data, at_ns)
            case "hello":
                self.greeted(content["after"], content.get("reading"))
            case "caught_up":
                self.caught_up()
            case "reset":
                self._judge(self.ledger.reset(content["to"], content["reason"]))
            case "error":
                self.record.fault(REFUSED, f"{self.place.tenant}: error {content.get('code')}")

    def greeted(self, after: str, reading: str | None) -> None:
        """`hello`, or the first page."""
        self.open = True
        self.reading = reading
        self._note(rows.connect(self.place.door, self.people), (time.perf_counter() - self._asked_at) * 1000)
        self._judge(self.ledger.started(after))

    def caught_up(self) -> None:
        """Everything that follows is live."""
        if self.live:
            return
        self.live = True
        now = time.perf_counter()
        if self._missed:
            row = rows.replay(self.place.door, self.people)
            self._note(row, (now - self._asked_at) * 1000, self._missed)
        if self._left_at is not None:
            self._note(rows.back(self.place.door, self.people), (now - self._left_at) * 1000)
            self._left_at = None

    def left(self, code: int, why: str, *, ours: bool) -> None:
        """A connection is over, `ours` where we cut it; before `hello` it was none."""
        if self.open:
            self._left_at = time.perf_counter()
            if not ours:
                self._count(f"DOOR closed by the server ({code})")
        elif not ours:
            # An error is shown with what it says, which may differ with each.
            self.record.failed(
                rows.connect(self.place.door, self.people),
                int(time.time()),
                why.partition("(")[0] or str(code),
            )
        self.open = self.live = False
        self._due = None
        self._judge(self.ledger.lost(over=True))
        if code in FOR_GOOD and not ours:
            self.over = True
            self.record.fault(REFUSED, f"a terminal of {self.place.tenant} was sent away: {code} {why}")

    def refused(self, status: int) -> None:
        """A handshake was answered with a status that says "later", or one that says "never"."""
        self._count(f"DOOR refused ({status})")
        if 400 <= status < 500 and status not in (408, 425, 429):
            self.over = True
            self.record.fault(REFUSED, f"a terminal of {self.place.tenant} was refused: {status}")

    # Events.

    def _event(self, type_: str, tenant: str, offset: str, data: bytes, at_ns: int) -> None:
        fault = self.ledger.event(offset, tenant)
        if fault is not None:
            self._judge(fault)
            return
        if not self.live:
            self._missed += 1
        self._due = offset
        if type_ == "new_order":
            moment = sent_ns(data)
            if moment is not None:
                row = rows.arrival if self.live else rows.late_arrival
                self._note(row(self.place.door, self.people), (at_ns - moment) / 1e6, len(data), at_ns)
                if self.place.deadline_seconds:
                    self._alarms[offset] = moment / 1e9 + self.place.deadline_seconds
        elif type_ == "order_unacknowledged" and self.place.deadline_seconds:
            self._alarm(json.loads(data)["data"]["orderOffset"], at_ns)

    def _alarm(self, order: str, at_ns: int) -> None:
        due = self._alarms.pop(order, None)
        if due is not None:
            self._note(rows.ALARM, max(0.0, at_ns / 1e6 - due * 1000), 0, at_ns)

    # Acks.

    def ack(self, now: float) -> str | None:
        """The offset to ack at this moment of the loop's clock, if any; the connection sends it."""
        if self._due is None or not self.place.acks or now - self._acked_at < ACK_SECONDS:
            return None
        self.said, self._due, self._acked_at = self._due, None, now
        return self.said

    # The end of a second, and of the run.

    def sweep(self) -> None:
        """Look for holes that were not filled."""
        if self.ledger.holes:
            self._judge(self.ledger.lost())

    def has(self, owed: str) -> bool:
        """Whether all up to an offset is here."""
        return self.over or reached(self.ledger.offset, owed)

    def settle(self, owed: str) -> None:
        """The run is over: what is missing now is lost."""
        self._judge(self.ledger.lost(over=True))
        if not self.over:
            self._judge(self.ledger.missing(owed))
        for order, due in self._alarms.items():
            if time.time() > due + ALARM_GRACE_SECONDS:
                self.record.fault(
                    ALARM_MISSING, f"{self.place.tenant}: nobody saw {order}, and no alarm came"
                )

    def _judge(self, fault: Fault | None) -> None:
        if fault is not None:
            self.record.fault(fault.kind, f"{fault.text} ({self.place.door}, {self.people})", fault.count)

    def _note(self, row: str, milliseconds: float, size: int = 0, at_ns: int | None = None) -> None:
        second = int(time.time()) if at_ns is None else at_ns // 1_000_000_000
        self.record.note(row, second, milliseconds, size)

    def _count(self, row: str) -> None:
        self.record.note(row, int(time.time()), 0.0)


def as_delta(seats: list[Seat]) -> dict[str, Any]:
    """How far each terminal ever acked, by its id."""
    return {seat.place.terminal_id: seat.said for seat in seats}
