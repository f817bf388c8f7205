"""The terminals of one tenant on this gateway, and the log that they follow.

Three places a terminal can stand in: `live` (at the head and writable: the fast path), `lagging` (the pump brings it
forward), `paused` (its socket takes nothing). Events only ever move the log's head; there is no join between history
and live, so there is no race there.
"""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from backbone.contract import frames
from backbone.contract.errors import CloseCode, Problem, Violation
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.runtime.faults import FAULTS
from gateway import metrics
from gateway.core.door import DOORS, Door
from gateway.core.tenant_log import Entry, Outcome, TenantLog

if TYPE_CHECKING:
    from gateway.ledger import Ledger
    from gateway.terminal import Terminal


class Room:
    """One tenant's terminals. `on_lagging` and `on_gap` are told when the pump or the healer has something to do."""

    def __init__(
        self,
        tenant: str,
        log: TenantLog,
        ledger: "Ledger",
        on_lagging: Callable[["Room"], None],
        on_gap: Callable[["Room"], None],
        on_left: Callable[["Room", "Terminal"], None],
    ) -> None:
        self.tenant = tenant
        self.log = log
        self.live: set[Terminal] = set()
        self.lagging: set[Terminal] = set()
        self.paused: set[Terminal] = set()
        self.empty_since: float | None = None
        self._by_terminal: dict[object, Terminal] = {}
        self._first_acked = log.head_seq
        self._ledger = ledger
        self._on_lagging = on_lagging
        self._on_gap = on_gap
        self._on_left = on_left

    @property
    def terminals(self) -> Iterable["Terminal"]:
        """Everybody who is connected."""
        return self._by_terminal.values()

    # -- terminals -----------------------------------------------------------------------------------------------

    def enter(self, terminal: "Terminal") -> None:
        """Take a terminal in at its position; an older connection of the same terminal gives way."""
        older = self._by_terminal.get(terminal.identity.terminal)
        if older is not None:
            older.socket.close(CloseCode.REPLACED, "a newer connection of this terminal")
        self._by_terminal[terminal.identity.terminal] = terminal
        self.empty_since = None
        self._ledger.arrived(terminal)
        self.settle(terminal)

    def leave(self, terminal: "Terminal") -> None:
        """Forget a terminal; from here on nothing is written to it."""
        self.live.discard(terminal)
        self.lagging.discard(terminal)
        self.paused.discard(terminal)
        if self._by_terminal.get(terminal.identity.terminal) is terminal:
            del self._by_terminal[terminal.identity.terminal]
        if not self._by_terminal:
            self.empty_since = time.monotonic()
        self._ledger.departed(terminal)
        self._on_left(self, terminal)

    def settle(self, terminal: "Terminal") -> None:
        """Put a terminal where it belongs by its position and its socket."""
        if terminal.socket.closing:
            return
        self.live.discard(terminal)
        self.lagging.discard(terminal)
        if terminal.socket.paused:
            self.paused.add(terminal)
        elif terminal.position < self.log.head_seq or terminal.position < self.log.floor.seq:
            self.lagging.add(terminal)
            self._on_lagging(self)
        else:
            self._arrive_at_head(terminal)

    def _arrive_at_head(self, terminal: "Terminal") -> None:
        self.live.add(terminal)
        if not terminal.caught_up:
            terminal.caught_up = True
            terminal.say(frames.caught_up(self.log.head))

    def on_paused(self, terminal: "Terminal") -> None:
        """Its transport's buffer is full. What was handed to the transport counts as sent."""
        if terminal in self.live:
            self.live.discard(terminal)
            terminal.position = self.log.head_seq
        self.lagging.discard(terminal)
        self.paused.add(terminal)
        terminal.paused_at = time.monotonic()

    def on_writable(self, terminal: "Terminal") -> None:
        """Its transport's buffer has room again."""
        terminal.paused_at = None
        self.paused.discard(terminal)
        self.settle(terminal)

    def on_ack(self, terminal: "Terminal", offset: Offset) -> None:
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
        """Take an event from the live channel or from a page of history; new ones go out at once."""
        outcome, entries = self.log.receive(event)
        if entries:
            try:
                if FAULTS:
                    FAULTS.hit("appended")
                self._broadcast(entries)
            except Exception:
                self._part_with_live()
                raise
            # However it came: an event that the healer had to fetch is a late one, not another kind of one.
            for entry in entries:
                metrics.DELIVERY_SECONDS.observe(max(0.0, time.time() - entry.committed_ms / 1000))
        if self.log.behind:
            self._on_gap(self)
        return outcome

    def _broadcast(self, entries: list[Entry]) -> None:
        ready: dict[Door, bytes] = {}
        sent = dict.fromkeys(DOORS, 0)
        # A copy: a write may fill its transport's buffer, which moves that terminal out of the set.
        for terminal in tuple(self.live):
            door = terminal.door
            if FAULTS and any(sent.values()):
                FAULTS.hit("mid_send")
            if terminal.types is None:
                if door not in ready:
                    ready[door] = b"".join([door.event(entry) for entry in entries])
                terminal.socket.write(ready[door])
                sent[door] += len(entries)
            else:
                wanted = [door.event(entry) for entry in entries if entry.type in terminal.types]
                if wanted:
                    terminal.socket.write(b"".join(wanted))
                    sent[door] += len(wanted)
        for door, count in sent.items():
            metrics.DELIVERIES.labels(door.name).inc(count)

    def _part_with_live(self) -> None:
        # The log has moved on, and nobody knows whom it took along: all come back and say where they stand.
        for terminal in tuple(self.live):
            terminal.socket.close(CloseCode.INTERNAL, "a fault of ours; resume by offset")

    def learn(self, head: Offset) -> None:
        """PostgreSQL has this head."""
        self.log.learn(head)
        if self.log.behind:
            self._on_gap(self)

    def lose_history(self, floor: Offset) -> None:
        """History up to `floor` is gone; whoever still stood before it is told by the pump."""
        if floor.seq > self.log.head_seq:
            for terminal in self.live:
                terminal.position = self.log.head_seq
            self.log.raise_floor(floor)
            for terminal in tuple(self.live):
                self.settle(terminal)
        else:
            self.log.raise_floor(floor)

    def change_epoch(self, head: Offset, floor: Offset, forks: dict[int, int]) -> None:
        """The database's history forked: whoever saw what is no more is told, and goes on from the fork."""
        for terminal in self.live:
            terminal.position = self.log.head_seq
        shared = self.log.enter_epoch(head, floor, forks)
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
