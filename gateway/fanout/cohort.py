"""Terminals that stand at one position and are sent the same bytes: a slice of a room's fan-out.

`descriptors` holds, side by side, where each one's bytes go. A socket is in it only while its transport holds nothing
back and nobody has begun to close it; so what is written past the transport overtakes nothing, follows no Close frame,
and goes to no stranger: a descriptor's number is free for others only after its connection was told that it is lost,
and it left long before.
"""

from array import array
from typing import TYPE_CHECKING, NamedTuple

from backbone.runtime.faults import FAULTS
from gateway import metrics
from gateway.core.cursor import Write
from gateway.core.encoding import Encoding
from gateway.fanout.send_all import SendAll, Shorts

if TYPE_CHECKING:
    from gateway.rooms.session import Session

SIZE = 128
"""Sockets that are written without a look at anything else; about a millisecond of them."""
TURN_BYTES = 48 * 1024
"""Written to one socket before the next one has its turn."""


class Kind(NamedTuple):
    """What makes two terminals' bytes the same; `direct` ones are written past their transports."""

    door: Encoding
    types: frozenset[str] | None
    direct: bool


def kind_of(terminal: "Session") -> Kind:
    """Return what a terminal is to be sent, and how."""
    return Kind(terminal.door, terminal.types, terminal.socket.descriptor is not None)


class Cohort:
    """Up to `SIZE` live terminals of one kind. `due` says that it waits for its turn."""

    __slots__ = ("_send_all", "descriptors", "due", "kind", "position", "terminals")

    def __init__(self, kind: Kind, position: int, send_all: SendAll) -> None:
        self.kind = kind
        self.position = position
        self.terminals: list[Session] = []
        self.descriptors = array("i")
        self.due = False
        self._send_all = send_all

    def add(self, terminal: "Session") -> None:
        """Take in a terminal that stands at our position."""
        terminal.cohort = self
        terminal.place = len(self.terminals)
        self.terminals.append(terminal)
        if terminal.socket.descriptor is not None:
            self.descriptors.append(terminal.socket.descriptor)

    def remove(self, terminal: "Session") -> None:
        """Let a terminal go, with our position as its own. The last one takes its place."""
        place = terminal.place
        last = self.terminals.pop()
        if last is not terminal:
            self.terminals[place] = last
            last.place = place
        if self.kind.direct:
            number = self.descriptors.pop()
            if last is not terminal:
                self.descriptors[place] = number
        terminal.cohort = None
        terminal.position = self.position

    def advance(self, step: Write) -> None:
        """Send what follows our position, in one write for each socket."""
        # Moved first: whoever turns slow in mid-send leaves with a position behind what its transport was handed.
        self.position = step.position
        if step.data and self.terminals:
            metrics.DELIVERED[self.kind.door.name].inc(step.events * len(self.terminals))
            self._send(step.data)

    def _send(self, data: bytes) -> None:
        if FAULTS:
            self._send_singly(data)
        elif self.kind.direct:
            shorts = self._send_all(self.descriptors, data)
            if shorts:
                self._hand_over_rest(shorts, data)
        else:
            for terminal in tuple(self.terminals):
                terminal.socket.write(data)

    def _hand_over_rest(self, shorts: Shorts, data: bytes) -> None:
        # Found by their places first: who turns slow leaves, and another one has its place then.
        slow = [(self.terminals[place], sent) for place, sent in shorts]
        for terminal, sent in slow:
            terminal.socket.write(memoryview(data)[sent:])

    def _send_singly(self, data: bytes) -> None:
        for number, terminal in enumerate(tuple(self.terminals)):
            if FAULTS and number:
                FAULTS.hit("mid_send")
            terminal.socket.write(data)
