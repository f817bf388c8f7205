"""The terminals of one tenant on this gateway, and the log that they follow.

Three places a terminal can stand in: live (in a cohort at the head, or due to be sent what is new), `lagging` (the pump
brings it forward), `paused` (its socket takes nothing). Events only ever move the log's head; there is no join between
history and live, so there is no race there.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from backbone.contract import frames
from backbone.contract.errors import CloseCode, Problem, Violation
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.runtime.faults import FAULTS
from gateway import metrics
from gateway.core.cursor import Portions
from gateway.core.tenant_log import Outcome, TenantLog
from gateway.fanout.broadcast import Broadcast
from gateway.fanout.cohort import TURN_BYTES, Cohort, kind_of
from gateway.fanout.send_all import SendAll

if TYPE_CHECKING:
    from gateway.rooms.session import Session
    from gateway.rooms.write_behind import WriteBehind

log = logging.getLogger("bellwire.room")


class Room:
    """One tenant's terminals.

    `paused` is shared by all rooms: the terminals whose sockets take nothing. `on_lagging` and `on_gap` are told when
    the pump or the healer has something to do, `on_news` when the room needs turns
    (`gateway.fanout.scheduler`) to send what is new.
    """

    def __init__(
        self,
        tenant: str,
        log: TenantLog,
        ledger: "WriteBehind",
        on_lagging: Callable[["Room"], None],
        on_gap: Callable[["Room"], None],
        on_left: Callable[["Room", "Session"], None],
        on_news: Callable[["Room"], None],
        send_all: SendAll,
        paused: "set[Session]",
    ) -> None:
        self.tenant = tenant
        self.log = log
        self.lagging: set[Session] = set()
        self.paused = paused
        self.empty_since: float | None = None
        self._by_terminal: dict[object, Session] = {}
        self._crowd = Broadcast(send_all)
        self._portions = Portions(log, TURN_BYTES)
        self._sent = log.head_seq
        self._first_acked = log.head_seq
        self._ledger = ledger
        self._on_lagging = on_lagging
        self._on_gap = on_gap
        self._on_left = on_left
        self._on_news = on_news

    @property
    def terminals(self) -> Iterable["Session"]:
        """Everybody who is connected."""
        return self._by_terminal.values()

    @property
    def live(self) -> Iterable["Session"]:
        """Those who are sent new events as they come."""
        return self._crowd

    # -- terminals -----------------------------------------------------------------------------------------------

    def enter(self, terminal: "Session") -> None:
        """Take a terminal in at its position; an older connection of the same terminal gives way."""
        older = self._by_terminal.get(terminal.identity.terminal)
        if older is not None:
            older.socket.close(CloseCode.REPLACED, "a newer connection of this terminal")
        self._by_terminal[terminal.identity.terminal] = terminal
        self.empty_since = None
        self._ledger.arrived(terminal)
        self.settle(terminal)

    def leave(self, terminal: "Session") -> None:
        """Forget a terminal; from here on nothing is written to it."""
        self._crowd.discard(terminal)
        self.lagging.discard(terminal)
        self.paused.discard(terminal)
        if self._by_terminal.get(terminal.identity.terminal) is terminal:
            del self._by_terminal[terminal.identity.terminal]
        if not self._by_terminal:
            self.empty_since = time.monotonic()
        self._ledger.departed(terminal)
        self._on_left(self, terminal)

    def settle(self, terminal: "Session") -> None:
        """Put a terminal where it belongs by its position and its socket."""
        if terminal.socket.closing:
            return
        self._crowd.discard(terminal)
        self.lagging.discard(terminal)
        if terminal.socket.paused:
            self.paused.add(terminal)
        elif terminal.position < self.log.head_seq or terminal.position < self.log.floor.seq:
            self.lagging.add(terminal)
            self._on_lagging(self)
        else:
            self._arrive_at_head(terminal)

    def _arrive_at_head(self, terminal: "Session") -> None:
        kind = kind_of(terminal)
        cohort = self._crowd.cohort_for(kind, self.log.head_seq)
        while cohort.position < self.log.head_seq:
            # Its turn is yet to come. It gets it now: who joins a cohort stands where the others stand.
            self._advance(cohort)
            cohort = self._crowd.cohort_for(kind, self.log.head_seq)
        cohort.add(terminal)
        if not terminal.caught_up:
            terminal.caught_up = True
            terminal.say(frames.caught_up(self.log.head))

    def on_paused(self, terminal: "Session") -> None:
        """Its transport's buffer is full. What was handed to the transport counts as sent."""
        self._crowd.discard(terminal)
        self.lagging.discard(terminal)
        self.paused.add(terminal)
        terminal.paused_at = time.monotonic()

    def on_writable(self, terminal: "Session") -> None:
        """Its transport's buffer has room again."""
        terminal.paused_at = None
        self.paused.discard(terminal)
        self.settle(terminal)

    def on_ack(self, terminal: "Session", offset: Offset) -> None:
        """A terminal stored everything up to `offset`.

        Raises:
            Violation: there is no such event yet.
        """
        if offset > max(self.log.head, self.log.known_head):
            raise Violation(Problem.BAD_REQUEST, f"{offset} is later than the head")
        if offset.seq <= terminal.acked or offset.seq > (self.log.shared_seq(offset.epoch) or 0):
            # The second: an event of a history that is over. It must not count for the one that has its seq now.
            return
        terminal.acked = offset.seq
        self._ledger.acked(self.tenant, terminal, offset)
        if offset.seq > self._first_acked:
            self._observe_first_acks(offset.seq)

    def _observe_first_acks(self, through: int) -> None:
        # Server clocks at both ends; what is older than the ring is not observed, it was no live event here.
        now_ms = time.time() * 1000
        entries = self.log.entries_after(max(self._first_acked, self.log.ring_start))
        for entry in entries or ():
            if entry.seq > through:
                break
            metrics.ACK_SECONDS.observe(max(0.0, (now_ms - entry.committed_ms) / 1000))
        self._first_acked = through

    # -- events --------------------------------------------------------------------------------------------------

    def receive(self, event: Event) -> Outcome:
        """Take an event from the live channel or from a page of history; new ones go out with the room's next turn."""
        outcome, entries = self.log.receive(event)
        if entries:
            self._crowd.hurry()
            self._on_news(self)
            if FAULTS:
                FAULTS.hit("appended")
        if self.log.behind:
            self._on_gap(self)
        return outcome

    @property
    def busy(self) -> bool:
        """Whether some live terminals are yet to be sent what is new."""
        return self._crowd.waiting

    def take_turn(self) -> int:
        """Send one cohort what is new; returns how many sockets that were."""
        cohort = self._crowd.next_due()
        count = 0
        if cohort is not None:
            count = len(cohort.terminals)
            self._advance(cohort)
            if cohort.position < self.log.head_seq:
                self._crowd.again(cohort)
        if not self._crowd.waiting:
            self._portions.forget()
            self._observe_sent()
        return count

    def _advance(self, cohort: Cohort) -> None:
        try:
            step = self._portions.after(cohort.position, cohort.kind.types, cohort.kind.door.event)
            if step is not None:
                cohort.advance(step)
                return
        except Exception:
            # The cohort has moved on, and nobody knows whom it took along: all come back and say where they stand.
            log.exception("room.bug", extra={"task": "fan-out", "tenant": self.tenant})
            for terminal in tuple(cohort.terminals):
                terminal.socket.close(CloseCode.INTERNAL, "a fault of ours; resume by offset")
            return
        # So far behind that the ring has lost sight of it: the pump reads for it.
        for terminal in tuple(cohort.terminals):
            self.settle(terminal)

    def _observe_sent(self) -> None:
        # However it came: an event that the healer had to fetch is a late one, not another kind of one.
        sent, self._sent = self._sent, self.log.head_seq
        now_ms = time.time() * 1000
        for entry in self.log.entries_after(max(sent, self.log.ring_start)) or ():
            metrics.DELIVERY_SECONDS.observe(max(0.0, (now_ms - entry.committed_ms) / 1000))

    def learn(self, head: Offset) -> None:
        """PostgreSQL has this head."""
        self.log.learn(head)
        if self.log.behind:
            self._on_gap(self)

    def lose_history(self, floor: Offset) -> None:
        """History up to `floor` is gone; whoever still stood before it is told by the pump."""
        if floor.seq > self.log.head_seq:
            scattered = self._crowd.scatter()
            self.log.raise_floor(floor)
            self._sent = self.log.head_seq
            for terminal in scattered:
                self.settle(terminal)
        else:
            self.log.raise_floor(floor)

    def change_epoch(self, head: Offset, floor: Offset, forks: dict[int, int]) -> None:
        """The database's history forked: whoever saw what is no more is told, and goes on from the fork."""
        self._crowd.scatter()
        shared = self.log.enter_epoch(head, floor, forks)
        self._sent = self.log.head_seq
        for terminal in tuple(self.terminals):
            terminal.acked = min(terminal.acked, shared)
            if terminal.position > shared:
                terminal.reset(Offset(head.epoch, shared), "epoch")
            self.settle(terminal)
        self._first_acked = min(self._first_acked, shared)

    # -- upkeep --------------------------------------------------------------------------------------------------

    def revoke(self, terminal_id: object) -> None:
        """Close a terminal whose key is gone."""
        terminal = self._by_terminal.get(terminal_id)
        if terminal is not None:
            terminal.socket.close(CloseCode.REVOKED, "the key was revoked")

    def replace(self, terminal_id: object, connection: object) -> None:
        """Close a terminal that has a newer connection at another gateway."""
        terminal = self._by_terminal.get(terminal_id)
        # Until our own arrival is written, the connection on record is an older one, not a newer one.
        if terminal is not None and terminal.recorded and terminal.identity.connection != connection:
            terminal.socket.close(CloseCode.REPLACED, "a newer connection of this terminal")
