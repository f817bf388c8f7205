"""One connection of a terminal: a cursor over its tenant's log, and what the terminal says to us.

Holds no queue, task or timer. Knows its room by what it needs of it (`Home`), so that rooms are built on sessions and
not the other way round.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from backbone.contract import frames
from backbone.contract.errors import CloseCode, Problem, Violation
from backbone.contract.event_filter import EVERYTHING, EventFilter
from backbone.contract.frames import Ack, Ping, UnknownMessage
from backbone.contract.offset import Offset
from backbone.runtime.crowd_log import CrowdLog
from gateway import metrics
from gateway.core.close_causes import cause_of, is_ordinary
from gateway.core.encoding import Encoding
from gateway.core.tenant_log import TenantLog
from gateway.fanout.cohort import Cursor
from gateway.rooms.reading import Reading
from gateway.transport.connection import Connection

log = logging.getLogger("bellwire.terminals")
crowd_log = CrowdLog(log)

BAD_MESSAGES = 5
"""In a row: a good one between them starts the count anew."""
MESSAGES_A_TURN = 4000
"""Frames of whatever kind between two heartbeats; an ack for every event of a busy shop stays far below."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which terminal is connected, which of its connections this is, and the hash of the key that opened it.

    A connection's name is its reading's, too.
    """

    terminal: UUID
    connection: UUID
    key_hash: bytes = b""


class Home(Protocol):
    """A session's room, as far as sessions and their host need it. `gateway.rooms.room` is it."""

    tenant: str
    log: TenantLog

    @property
    def empty(self) -> bool:
        """Whether nobody is connected."""

    @property
    def sessions(self) -> "Iterable[Session]":
        """Everybody who is connected."""

    def enter(self, session: "Session") -> None:
        """Take a session in."""

    def leave(self, session: "Session") -> None:
        """Forget a session."""

    def on_paused(self, session: "Session") -> None:
        """The session's socket takes nothing."""

    def on_writable(self, session: "Session") -> None:
        """The session's socket takes more again."""

    def on_ack(self, session: "Session", offset: Offset) -> None:
        """The session's terminal stored everything up to `offset`.

        Raises:
            Violation: there is no such event yet.
        """


class Host(Protocol):
    """Lets sessions in and out. `gateway.hub` is it."""

    def leave(self, session: "Session") -> None:
        """A session that was let in is over."""


class Session(Cursor):
    """A connection's listener (see `gateway.transport.connection.Listener`).

    `recorded` says that PostgreSQL has this connection on record as its terminal's newest one. The write-behind sets it
    when the arrival is written; only from then on can a connection on record that is not this one be a newer one.
    """

    __slots__ = ("bad_messages", "caught_up", "host", "identity", "messages", "reading", "recorded", "room", "slot",
                 "unanswered_pings")  # fmt: skip

    def __init__(
        self,
        identity: Identity,
        host: Host,
        room: Home,
        socket: Connection,
        encoding: Encoding,
        position: int,
        filter_: EventFilter = EVERYTHING,
    ) -> None:
        super().__init__(socket, encoding, position, filter_)
        self.identity = identity
        self.host = host
        self.room = room
        self.caught_up = False
        self.reading = Reading(identity.connection, Offset(room.log.epoch, position))
        self.bad_messages = 0
        self.messages = 0
        self.unanswered_pings = 0
        self.recorded = False
        self.slot = 0

    @property
    def sent(self) -> int:
        """Up to where events were handed to the connection."""
        return self.position if self.cohort is None else self.cohort.position

    def say(self, payload: bytes) -> None:
        """Send one control message."""
        self.socket.write(self.encoding.control(payload))

    def reset(self, to: Offset, reason: str) -> None:
        """Tell that history before `to` cannot be replayed; the stream goes on behind it."""
        metrics.RESETS.labels(reason).inc()
        self.say(frames.reset(to, reason))
        if to.seq > self.position:
            self.reading.skip(self.position, to.seq)
        self.position = to.seq

    # -- gateway.transport.connection.Listener ---------------------------------------------------------

    def on_message(self, data: bytes, is_text: bool) -> None:
        """An ack or a ping; anything else is answered with `error`, and five of those in a row end the connection."""
        if not self._may_go_on():
            return
        try:
            self._take(frames.parse_message(data))
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
        self._tell_end(code)
        # Ended first: where it stands now is where it came to.
        self.reading.end(self.sent, code, time.monotonic())
        self.host.leave(self)

    def _tell_end(self, code: int) -> None:
        # Most ends are ordinary, and come by the thousand: they cost nothing where nobody asks for them.
        if is_ordinary(code) and not log.isEnabledFor(logging.DEBUG):
            return
        facts = {
            "tenant": self.room.tenant, "terminal": str(self.identity.terminal),
            "connection": str(self.identity.connection), "door": self.encoding.name, "code": int(code),
            "cause": cause_of(code), "sent": str(Offset(self.room.log.epoch, self.sent)),
        }  # fmt: skip
        if is_ordinary(code):
            log.debug("terminal.disconnected", extra=facts)
        else:
            crowd_log.say("terminal.disconnected", **facts)

    def _may_go_on(self) -> bool:
        self.messages += 1
        if self.messages > MESSAGES_A_TURN:
            self.socket.close(CloseCode.TOO_MANY_MESSAGES, "too many messages")
        return self.messages <= MESSAGES_A_TURN

    def _take(self, message: Ack | Ping | UnknownMessage) -> None:
        match message:
            case Ack(offset):
                self.room.on_ack(self, offset)
            case Ping():
                self.say(frames.pong(self.room.log.head))
            case UnknownMessage():
                # Of a newer terminal, maybe: said, and not held against it.
                self.say(frames.error(Problem.BAD_REQUEST.code, "type: must be ack or ping"))
                return
        self.bad_messages = 0

    def _complain(self, violation: Violation) -> None:
        self.bad_messages += 1
        self.say(frames.error(violation.problem.code, violation.detail))
        if self.bad_messages >= BAD_MESSAGES:
            self.socket.close(CloseCode.BAD_MESSAGES, "five messages in a row were not understood")
