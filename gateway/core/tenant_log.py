"""The newest part of one tenant's log, as a gateway holds it: a head, and a ring of ready frames.

Pure. The one mutator that takes events, `receive`, lets only the event right behind the head in; whatever comes early
waits, whatever comes late or from a dead epoch is dropped. So the ring is contiguous and in order, always.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from backbone.contract.erasure import NOTHING_ERASED, Erasure
from backbone.contract.event import NO_NAMES, Event
from backbone.contract.frames import deflated_frame, payload_of, text_frame
from backbone.contract.lineage import shared_seq
from backbone.contract.offset import BEGINNING, Offset
from backbone.contract.resume import Start, resume
from backbone.contract.sse import event_chunk

NAME_BYTES = 256
"""A name takes no more than that in memory."""


@dataclass(slots=True)
class Entry:
    """An event ready to be sent: `frame` is the finished WebSocket frame, built once for all sockets. `stations` and
    `categories` are its names, as `Event` has them.

    Nothing of it changes; `chunk` and `deflated` build the same for server-sent events and for compressed sockets when
    the first such session needs it.
    """

    seq: int
    type: str
    committed_ms: int
    frame: bytes
    epoch: int
    stations: frozenset[str] = NO_NAMES
    categories: frozenset[str] = NO_NAMES
    _chunk: bytes | None = None
    _deflated: bytes | None = None

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        if self.stations or self.categories:
            return len(self.frame) + NAME_BYTES * (len(self.stations) + len(self.categories))
        return len(self.frame)

    def chunk(self) -> bytes:
        """Return the finished chunk of a stream of server-sent events, built once for all of them."""
        if self._chunk is None:
            self._chunk = event_chunk(Offset(self.epoch, self.seq), self.type, payload_of(self.frame))
        return self._chunk

    def deflated(self) -> bytes:
        """Return the finished compressed WebSocket frame, built once for all sockets that negotiated it."""
        if self._deflated is None:
            self._deflated = deflated_frame(payload_of(self.frame))
        return self._deflated


def entry_of(event: Event) -> Entry:
    """Build the frame around an event's payload."""
    frame = text_frame(event.payload)
    return Entry(
        event.offset.seq,
        event.type,
        event.committed_ms,
        frame,
        event.offset.epoch,
        event.stations,
        event.categories,
    )


FEW = 8
"""Entries at the ring's end that are fetched from there; a walk would begin at its start."""


class Outcome(Enum):
    """The outcome of `receive` for an event."""

    APPENDED = "appended"
    DUPLICATE = "duplicate"
    GAP = "gap"
    STALE_EPOCH = "stale_epoch"
    NEW_EPOCH = "new_epoch"


class TenantLog:
    """A tenant's head and newest events.

    `floor` is the earliest position from which the log of record can still be replayed, as far as is known.
    `known_head` is the newest offset that anybody spoke of; while it is later than `head`, events are missing here.
    `forks` has every epoch that the database went through, see `backbone.contract.lineage`. Nothing up to `erased` is
    held, for a customer was forgotten since. `moved` says that `head_to_compare` may be another one by now; it is reset
    by whom that concerns.
    """

    __slots__ = ("_early", "_max_bytes", "_max_events", "_ring", "_ring_bytes", "epoch", "erased", "floor", "forks",
                 "head_seq", "known_head", "moved")  # fmt: skip

    def __init__(
        self,
        head: Offset,
        floor: Offset,
        forks: dict[int, int] | None = None,
        *,
        erased: Erasure = NOTHING_ERASED,
        max_events: int = 512,
        max_bytes: int = 1 << 20,
    ) -> None:
        self.epoch = head.epoch
        self.head_seq = head.seq
        self.floor = floor
        self.known_head = head
        self.forks = forks or {}
        self.erased = erased
        self.moved = True
        self._ring: deque[Entry] = deque()
        self._ring_bytes = 0
        self._early: dict[int, Event] = {}
        self._max_events = max_events
        self._max_bytes = max_bytes

    @property
    def head(self) -> Offset:
        """The offset of the newest event held, or the one that the log started from."""
        return Offset(self.epoch, self.head_seq)

    @property
    def behind(self) -> bool:
        """Whether events are known to exist that are not here."""
        # A pair is compared as an offset is, and made without a call; this is asked for each event.
        return self.known_head > (self.epoch, self.head_seq) or bool(self._early)

    @property
    def head_to_compare(self) -> Offset:
        """The head that PostgreSQL is told, and answers when its own differs.

        While events are missing here it is none at all, so that there is an answer, and whoever fills the hole is
        started anew should he have ended early; even where what is missing is a rumour, and the heads are the same.
        """
        # Nothing later than the head is known of, and the head itself is known: they are one.
        return BEGINNING if self.behind else self.known_head

    @property
    def ring_start(self) -> int:
        """The earliest position (seq) from which the ring can serve."""
        return self.head_seq - len(self._ring)

    def receive(self, event: Event) -> tuple[Outcome, list[Entry]]:
        """Take an event from anywhere: live channel, Redis stream or PostgreSQL, in any order, any number of times.

        Returns:
            What became of it, and the entries that are new at the head now, in order; several when it closed a gap
            behind which others waited.

        >>> log = TenantLog(Offset(1, 0), Offset(1, 0))
        >>> early, late = (Event(Offset(1, seq), "new_order", 0, b"{}") for seq in (2, 1))
        >>> log.receive(early)
        (<Outcome.GAP: 'gap'>, [])
        >>> [entry.seq for entry in log.receive(late)[1]]
        [1, 2]
        """
        offset = event.offset
        if offset.epoch < self.epoch and offset.seq > self._last_shared_seq(offset.epoch):
            return Outcome.STALE_EPOCH, []
        self.moved = True
        if offset.epoch > self.epoch:
            self.known_head = max(self.known_head, offset)
            return Outcome.NEW_EPOCH, []
        if offset.seq <= self.head_seq:
            return Outcome.DUPLICATE, []
        if self.known_head < (self.epoch, offset.seq):
            self.known_head = Offset(self.epoch, offset.seq)
        if offset.seq > self.head_seq + 1:
            if len(self._early) < self._max_events:
                self._early[offset.seq] = event
            return Outcome.GAP, []
        return Outcome.APPENDED, self._append_with_followers(event)

    def believes(self, offset: Offset) -> bool:
        """Whether what a cache holds of this offset is still so: of our history, and not overwritten since."""
        if offset.seq <= self.erased.seq:
            return False
        return offset.epoch == self.epoch or (
            offset.epoch < self.epoch and offset.seq <= self._last_shared_seq(offset.epoch)
        )

    @property
    def edition(self) -> tuple[int, Erasure]:
        """Bytes that were read at one edition are of no use at another one: history forked, or something was erased."""
        return self.epoch, self.erased

    def forget(self, erased: Erasure) -> None:
        """A customer was forgotten: let go of what may name him; who needs it reads it anew."""
        if erased == self.erased:
            return
        self.erased = erased
        while self._ring and self._ring[0].seq <= erased.seq:
            self._ring_bytes -= self._ring.popleft().size
        self._early = {seq: event for seq, event in self._early.items() if seq > erased.seq}

    def learn(self, head: Offset) -> None:
        """Hear of a head; of an earlier one than is known already nothing follows."""
        if head > self.known_head:
            self.known_head = head
            self.moved = True

    def confirm(self, head: Offset) -> None:
        """PostgreSQL's own word of its head, read together with everything up to it: rumours of more are dropped.

        An event that came in the meantime may go with them; the next head check brings it back.
        """
        self._early = {seq: event for seq, event in self._early.items() if seq <= head.seq}
        self.known_head = max(head, self.head)
        self.moved = True

    def entries_after(self, seq: int) -> Iterator[Entry] | None:
        """The entries later than position `seq`, or None when the ring does not reach back so far."""
        # `ring_start`, without a call; this is asked twice for each event.
        start = self.head_seq - len(self._ring)
        if seq < start:
            return None
        missing = self.head_seq - seq
        if missing <= FEW:
            return iter([self._ring[-back] for back in range(missing, 0, -1)])
        return islice(self._ring, seq - start, None)

    def raise_floor(self, floor: Offset) -> None:
        """History up to `floor` turned out to be gone."""
        self.floor = max(self.floor, floor)
        if floor.seq > self.head_seq:
            self._restart_at(floor.seq)

    def enter_epoch(self, head: Offset, floor: Offset, forks: dict[int, int]) -> int:
        """The database's history forked: drop what the new epoch does not share.

        Returns:
            The last shared seq, or the floor where that is later; whoever stands behind it stood on events that no
            longer exist, and goes on from there.
        """
        self.forks = forks
        self.moved = True
        shared = max(min(self._shared_with(self.epoch, head.epoch) or 0, head.seq), floor.seq)
        while self._ring and self._ring[-1].seq > shared:
            self._ring_bytes -= self._ring.pop().size
        self._early.clear()
        # Of the history that is over; the next one is told of as of something new, whatever it is.
        self.erased = Erasure(0, min(self.erased.seq, shared))
        if self.head_seq > shared:
            self.head_seq = shared
        self.epoch = head.epoch
        self.floor = floor
        self.known_head = head
        return shared

    def shared_seq(self, epoch: int) -> int | None:
        """The last seq that a history of `epoch` shares with ours; None when there was no such epoch."""
        if epoch == self.epoch:
            return self.known_head.seq if self.known_head.epoch == epoch else self.head_seq
        return self._shared_with(epoch, self.epoch)

    def start(self, after: Offset | None) -> Start:
        """Where a terminal starts that asks for what lies behind `after`; see `backbone.contract.resume`."""
        return resume(
            after, floor=self.floor, head=self.head, forks=self.forks, known_seq=self.shared_seq(self.epoch)
        )

    def _shared_with(self, epoch: int, newest: int) -> int | None:
        return shared_seq(epoch, newest, self.forks)

    def _last_shared_seq(self, epoch: int) -> int:
        return self.shared_seq(epoch) or 0

    def _append_with_followers(self, event: Event) -> list[Entry]:
        entries = []
        following: Event | None = event
        while following is not None:
            entry = entry_of(following)
            self._ring.append(entry)
            self._ring_bytes += entry.size
            self.head_seq = entry.seq
            entries.append(entry)
            self._early.pop(self.head_seq, None)
            following = self._early.pop(self.head_seq + 1, None)
        while len(self._ring) > self._max_events or (
            self._ring_bytes > self._max_bytes and len(self._ring) > 1
        ):
            self._ring_bytes -= self._ring.popleft().size
        return entries

    def _restart_at(self, seq: int) -> None:
        self._ring.clear()
        self._ring_bytes = 0
        self._early = {early: event for early, event in self._early.items() if early > seq}
        self.head_seq = seq
        self.known_head = max(self.known_head, self.head)
        self.moved = True
