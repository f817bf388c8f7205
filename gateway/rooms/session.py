"""One connected terminal: a cursor over its tenant's log, and what it says to us.

Holds no queue, task or timer. While it is live its position is its cohort's; only a cursor that lags carries one of its
own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from backbone.contract import frames
from backbone.contract.errors import CloseCode, Violation
from backbone.contract.frames import Ack
from backbone.contract.offset import Offset
from gateway import metrics
from gateway.core.encoding import Encoding
from gateway.transport.connection import Connection

if TYPE_CHECKING:
    from gateway.fanout.cohort import Cohort
    from gateway.rooms.room import Room

BAD_MESSAGES = 5
MESSAGES_A_TURN = 4000
"""Frames of whatever kind between two heartbeats; an ack for every event of a busy shop stays far below."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is connected: the terminal, and which of its connections this is."""

    terminal: UUID
    connection: UUID


class Session:
    """A connection's listener (see `gateway.transport.connection.Listener`), and the spelling of its door."""

    __slots__ = ("acked", "bad_messages", "caught_up", "cohort", "door", "identity", "messages", "paused_at", "place",
                 "position", "recorded", "room", "slot", "socket", "types", "unanswered_pings")  # fmt: skip

    def __init__(
        self,
        identity: Identity,
        room: "Room",
        socket: Connection,
        door: Encoding,
        position: int,
        types: frozenset[str] | None,
    ) -> None:
        self.identity = identity
        self.room = room
        self.socket = socket
        self.door = door
        self.position = position
        self.types = types
        self.caught_up = False
        self.acked = 0
        self.bad_messages = 0
        self.messages = 0
        self.unanswered_pings = 0
        self.paused_at: float | None = None
        self.recorded = False
        self.slot = 0
        # While it is live its position is its cohort's; `place` is where it stands there.
        self.cohort: Cohort | None = None
        self.place = 0

    def say(self, payload: bytes) -> None:
        """Send one control message."""
        self.socket.write(self.door.control(payload))

    def reset(self, to: Offset, reason: str) -> None:
        """Tell that history before `to` cannot be replayed; the stream goes on behind it."""
        metrics.RESETS.labels(reason).inc()
        self.say(frames.reset(to, reason))
        self.position = to.seq

    # -- gateway.transport.connection.Listener ---------------------------------------------------------

    def on_message(self, data: bytes, is_text: bool) -> None:
        """An ack or a ping; anything else is answered with `error`, and five of those end the connection."""
        if not self._may_go_on():
            return
        try:
            message = frames.parse_message(data)
            if isinstance(message, Ack):
                self.room.on_ack(self, message.offset)
            else:
                self.say(frames.pong(self.room.log.head))
        except Violation as exc:
            self._complain(exc)

    def on_pong(self) -> None:
        """Alive."""
        self.unanswered_pings = 0
        self._may_go_on()

    def on_other_frame(self) -> None:
        """Work for us, like a message."""
        self._may_go_on()

    def on_paused(self) -> None:
        """Slow: the cursor stays where it is until the socket takes more."""
        self.room.on_paused(self)

    def on_writable(self) -> None:
        """No longer slow."""
        self.room.on_writable(self)

    def on_closing(self, code: int) -> None:
        """Gone, or going."""
        metrics.CLOSED.labels(str(code)).inc()
        self.room.leave(self)

    def _may_go_on(self) -> bool:
        self.messages += 1
        if self.messages > MESSAGES_A_TURN:
            self.socket.close(CloseCode.TOO_MANY_MESSAGES, "too many messages")
        return self.messages <= MESSAGES_A_TURN

    def _complain(self, violation: Violation) -> None:
        self.bad_messages += 1
        self.say(frames.error(violation.problem.code, violation.detail))
        if self.bad_messages >= BAD_MESSAGES:
            self.socket.close(CloseCode.BAD_MESSAGES, "five messages were not understood")
