"""The sessions of one tenant on this gateway, and the log that they follow.

A session stands in one of three places: live (in a cohort, at the head or due to be sent what is new), lagging (the
replayer brings it forward), paused (its socket takes nothing). Events only ever move the log's head. There is no join
between history and live, so there is no race there.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backbone.contract import frames
from backbone.contract.errors import CloseCode, Problem, Violation
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.runtime.faults import FAULTS
from gateway.core.tenant_log import Outcome, TenantLog
from gateway.fanout.broadcast import Broadcast
from gateway.fanout.scheduler import Busy
from gateway.fanout.send_all import SendAll
from gateway.rooms.latency import Latency
from gateway.rooms.place import Place
from gateway.rooms.session import Session
from gateway.rooms.write_behind import WriteBehind


@dataclass(frozen=True, slots=True)
class Shared:
    """The parts that all rooms of a gateway have in common.

    `paused` has every session whose socket takes nothing, and since when on the monotonic clock. `replay` and
    `fill_gap` are told of a room that has something for them to do; `schedule` of a broadcast with news to send.
    """

    write_behind: WriteBehind
    send_all: SendAll
    paused: dict[Session, float]
    schedule: Callable[[Busy], None]
    replay: Callable[["Room"], None]
    fill_gap: Callable[["Room"], None]


class Room:
    """One tenant's sessions. `lagging` has those that the replayer is to bring forward."""

    def __init__(self, tenant: str, log: TenantLog, shared: Shared) -> None:
        self.tenant = tenant
        self.log = log
        self.lagging: set[Session] = set()
        self._shared = shared
        self._by_terminal: dict[object, Session] = {}
        self._latency = Latency(tenant, log)
        self._broadcast: Broadcast[Session] = Broadcast(
            tenant, log, shared.send_all, self.settle, self._on_sent
        )

    @property
    def sessions(self) -> Iterable[Session]:
        """Everybody who is connected; one for each terminal."""
        return self._by_terminal.values()

    @property
    def live(self) -> Iterable[Session]:
        """Those who are sent new events as they come."""
        return self._broadcast

    @property
    def empty(self) -> bool:
        """Whether nobody is connected."""
        return not self._by_terminal

    def place_of(self, session: Session) -> Place:
        """Where a session stands; for tests and logs. Nothing decides by it."""
        if session.cohort is not None:
            return Place.LIVE
        if session in self.lagging:
            return Place.LAGGING
        return Place.PAUSED if session in self._shared.paused else Place.GONE

    # -- sessions ------------------------------------------------------------------------------------------------

    def enter(self, session: Session) -> None:
        """Take a session in at its position; an older one of the same terminal gives way."""
        older = self._by_terminal.get(session.identity.terminal)
        # On the list before the older one leaves, so that the room is never seen empty in between.
        self._by_terminal[session.identity.terminal] = session
        if older is not None:
            older.socket.close(CloseCode.REPLACED, "a newer connection of this terminal")
        self._shared.write_behind.arrived(session)
        self.settle(session)

    def leave(self, session: Session) -> None:
        """Forget a session; from here on nothing is written to it."""
        self._take_out(session)
        if self._by_terminal.get(session.identity.terminal) is session:
            del self._by_terminal[session.identity.terminal]
        self._shared.write_behind.departed(session)

    def settle(self, session: Session) -> None:
        """Put a session where it belongs by its position and its socket."""
        if session.socket.closing:
            return
        if session.socket.paused:
            self.on_paused(session)
            return
        self._take_out(session)
        if session.position < self.log.head_seq or session.position < self.log.floor.seq:
            self.lagging.add(session)
            self._shared.replay(self)
        else:
            self._arrive_at_head(session)

    def _take_out(self, session: Session) -> None:
        self._broadcast.discard(session)
        self.lagging.discard(session)
        self._shared.paused.pop(session, None)

    def _arrive_at_head(self, session: Session) -> None:
        self._broadcast.join(session)
        self._shared.write_behind.moved(self)
        if not session.caught_up:
            session.caught_up = True
            session.say(frames.caught_up(self.log.head))

    def on_paused(self, session: Session) -> None:
        """Its transport's buffer is full. Bytes that were handed to the transport count as sent."""
        self._broadcast.discard(session)
        self.lagging.discard(session)
        self._shared.write_behind.moved(self)
        # A socket that is paused already and is settled anew stays as late as it was.
        self._shared.paused.setdefault(session, time.monotonic())

    def on_writable(self, session: Session) -> None:
        """Its transport's buffer has room again."""
        self.settle(session)

    def on_ack(self, session: Session, offset: Offset) -> None:
        """A session's terminal stored everything up to `offset`.

        Raises:
            Violation: there is no such event yet.
        """
        if offset > max(self.log.head, self.log.known_head):
            raise Violation(Problem.BAD_REQUEST, f"{offset} is later than the head")
        if offset.seq > (self.log.shared_seq(offset.epoch) or 0):
            # An event of a history that is over. It must not count for the one that has its seq now.
            return
        # No word acks an event that was not sent.
        seq = min(offset.seq, session.sent)
        if seq > session.reading.said:
            session.reading.ack(seq, time.monotonic())
            self._shared.write_behind.acked(session)

    def _on_sent(self) -> None:
        self._latency.observe_sent()
        self._shared.write_behind.moved(self)

    # -- events --------------------------------------------------------------------------------------------------

    def receive(self, event: Event) -> Outcome:
        """Take an event of the live channel or of a page of history; new ones go out with the room's next turn."""
        outcome, entries = self.log.receive(event)
        if entries:
            self._broadcast.hurry()
            self._shared.schedule(self._broadcast)
            if FAULTS:
                FAULTS.hit("appended")
        if self.log.behind:
            self._shared.fill_gap(self)
        return outcome

    def hear(self, event: Event) -> None:
        """Take an event from Redis; of one that may have been overwritten since, no more than that it exists."""
        if event.offset.seq <= self.log.erased.seq:
            self.learn(event.offset)
        else:
            self.receive(event)

    def learn(self, head: Offset) -> None:
        """There is this head."""
        self.log.learn(head)
        if self.log.behind:
            self._shared.fill_gap(self)

    def lose_history(self, floor: Offset) -> None:
        """History up to `floor` is gone; the replayer tells those who still stood before it."""
        if floor.seq <= self.log.head_seq:
            self.log.raise_floor(floor)
            return
        # The head jumps, so nobody stands at it any more. Positions are taken along before it does.
        scattered = self._broadcast.scatter()
        self.log.raise_floor(floor)
        self._latency.pass_over()
        for session in scattered:
            self.settle(session)

    def change_epoch(self, head: Offset, floor: Offset, forks: dict[int, int]) -> None:
        """The database's history forked: sessions that saw what is no more are told, and go on from the fork."""
        # Out of the cohorts first: a position beyond the fork is a seq that will come again, for another event.
        self._broadcast.scatter()
        shared = self.log.enter_epoch(head, floor, forks)
        self._latency.fork()
        # A copy: a reset is a write, and a write may end a session.
        for session in tuple(self.sessions):
            session.reading.fork(shared, head.epoch)
            self._shared.write_behind.doubt(session)
            if session.position > shared:
                session.reset(Offset(head.epoch, shared), "epoch")
            self.settle(session)

    # -- from the head check -------------------------------------------------------------------------------------

    def revoke(self, terminal: object) -> None:
        """Close the session of a terminal whose key is gone."""
        session = self._by_terminal.get(terminal)
        if session is not None:
            session.socket.close(CloseCode.REVOKED, "the key was revoked")

    def end_key(self, terminal: object, key_hash: bytes) -> None:
        """Close the session of a terminal when it was opened with a key that ended; the terminal may have another."""
        session = self._by_terminal.get(terminal)
        if session is not None and session.identity.key_hash == key_hash:
            session.socket.close(CloseCode.RESTART, "the key has ended")

    def replace(self, terminal: object, connection: object) -> None:
        """Close the session of a terminal that has a newer connection at another gateway."""
        session = self._by_terminal.get(terminal)
        # Until our own arrival is written, the connection on record is an older one, not a newer one.
        if session is not None and session.recorded and session.identity.connection != connection:
            session.socket.close(CloseCode.REPLACED, "a newer connection of this terminal")
