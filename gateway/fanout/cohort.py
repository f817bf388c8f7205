"""Cursors that stand at one position and are sent the same bytes: a slice of a room's fan-out.

Knows sockets and positions. A cursor's room, tenant and terminal are unknown here: `gateway.rooms.session` adds them.

`descriptors` holds, side by side, where each one's bytes go. A socket is in it only while its transport holds nothing
back and nobody has begun to close it. So a direct write can neither overtake buffered bytes, nor follow a Close
frame, nor reach another connection: the system may use a descriptor again only after `connection_lost`, and by then
the cursor has left the array.
"""

from array import array
from typing import Any, Generic, NamedTuple, TypeVar

from backbone.contract.event_filter import EVERYTHING, EventFilter
from backbone.runtime.faults import FAULTS
from gateway import metrics
from gateway.core.cursor import Write
from gateway.core.encoding import Encoding
from gateway.fanout.send_all import SendAll, Shorts
from gateway.transport.connection import Connection

SIZE = 128
"""Sockets that are written without a look at anything else; about a millisecond of them."""
TURN_BYTES = 48 * 1024
"""Written to one socket before the next one has its turn."""


class Cursor:
    """A position in a tenant's log, and the socket that is sent what follows it.

    While a cursor is live its `cohort` has the position, and `index` is where it stands there; `position` counts only
    while `cohort` is None. Holds no queue, task or timer.
    """

    __slots__ = ("cohort", "encoding", "filter", "index", "position", "socket")

    def __init__(
        self, socket: Connection, encoding: Encoding, position: int, filter_: EventFilter = EVERYTHING
    ) -> None:
        self.socket = socket
        self.encoding = encoding
        self.position = position
        self.filter = filter_
        # Any: a cursor of whatever kind is in a cohort of its own kind, which only its cohort can say.
        self.cohort: Cohort[Any] | None = None
        self.index = 0


C = TypeVar("C", bound=Cursor)


class Kind(NamedTuple):
    """The traits by which two cursors' bytes are the same; `direct` ones are written past their transports."""

    encoding: Encoding
    filter: EventFilter
    direct: bool


def kind_of(cursor: Cursor) -> Kind:
    """Return what a cursor is to be sent, and how."""
    return Kind(cursor.encoding, cursor.filter, cursor.socket.descriptor is not None)


class Cohort(Generic[C]):
    """Up to `SIZE` live cursors of one kind. `due` says that it waits for its turn."""

    __slots__ = ("_send_all", "cursors", "descriptors", "due", "kind", "position")

    def __init__(self, kind: Kind, position: int, send_all: SendAll) -> None:
        self.kind = kind
        self.position = position
        self.cursors: list[C] = []
        self.descriptors = array("i")
        self.due = False
        self._send_all = send_all

    def add(self, cursor: C) -> None:
        """Take in a cursor that stands at our position."""
        cursor.cohort = self
        cursor.index = len(self.cursors)
        self.cursors.append(cursor)
        if cursor.socket.descriptor is not None:
            self.descriptors.append(cursor.socket.descriptor)

    def remove(self, cursor: C) -> None:
        """Let a cursor go, with our position as its own. The last one takes its place."""
        # A list and an array in step: what is done to one is done to the other before anything else happens. One
        # entry off, and a socket would be sent what belongs to the next one.
        index = cursor.index
        last = self.cursors.pop()
        if last is not cursor:
            self.cursors[index] = last
            last.index = index
        if self.kind.direct:
            number = self.descriptors.pop()
            if last is not cursor:
                self.descriptors[index] = number
        cursor.cohort = None
        cursor.position = self.position

    def advance(self, step: Write) -> None:
        """Send what follows our position, in one write for each socket."""
        # Moved first: a cursor that turns slow in mid-send leaves with the position behind what its transport was
        # handed.
        self.position = step.position
        if step.data and self.cursors:
            metrics.DELIVERED[self.kind.encoding.name].inc(step.events * len(self.cursors))
            self._send(step.data)

    def _send(self, data: bytes) -> None:
        if FAULTS:
            self._send_singly(data)
        elif self.kind.direct:
            shorts = self._send_all(self.descriptors, data)
            if shorts:
                self._hand_over_rest(shorts, data)
        else:
            # A copy: a write may turn its cursor slow, and then it leaves the list.
            for cursor in tuple(self.cursors):
                cursor.socket.write(data)

    def _hand_over_rest(self, shorts: Shorts, data: bytes) -> None:
        # Looked up before the first write: a cursor that turns slow leaves, and another one has its index then.
        slow = [(self.cursors[index], sent) for index, sent in shorts]
        for cursor, sent in slow:
            cursor.socket.write(memoryview(data)[sent:])

    def _send_singly(self, data: bytes) -> None:
        for number, cursor in enumerate(tuple(self.cursors)):
            if FAULTS and number:
                FAULTS.hit("mid_send")
            cursor.socket.write(data)
