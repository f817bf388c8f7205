"""A small world around the pure core: a database that fails over, a Redis that loses, gateways, terminals.

It plays the shells' part (feed, gap filler, replayer, endpoint) with the real core, step by step and without a clock.
The terminals keep their own notes; what they hold is judged by those alone.
"""

from dataclasses import dataclass, field

from backbone.contract.event import Event
from backbone.contract.event_filter import EVERYTHING
from backbone.contract.offset import BEGINNING, Offset
from gateway.core.cursor import AtHead, Fetch, Skip, Write, next_step, pack
from gateway.core.tenant_log import Entry, TenantLog, entry_of

PAGE = 3


def event_of(epoch: int, seq: int, uid: int) -> Event:
    return Event(Offset(epoch, seq), "new_order", 0, b"%d-%d %d" % (epoch, seq, uid))


def read_frames(data: bytes) -> list[tuple[Offset, int]]:
    """Parse what was written to a socket, knowing only RFC 6455: short unmasked text frames."""
    received = []
    while data:
        assert data[0] == 0x81
        length = data[1]
        assert length < 126
        offset, uid = data[2 : 2 + length].split(b" ")
        received.append((Offset.parse(offset.decode()), int(uid)))
        data = data[2 + length :]
    return received


@dataclass
class Database:
    """The log of record."""

    epoch: int = 1
    events: dict[int, Event] = field(default_factory=dict)
    head_seq: int = 0
    forks: dict[int, int] = field(default_factory=lambda: {1: 0})
    uids: int = 0
    settled: bool = True

    @property
    def head(self) -> Offset:
        return Offset(self.epoch, self.head_seq)

    @property
    def floor(self) -> Offset:
        return Offset(self.epoch, min(self.events) - 1 if self.events else self.head_seq)

    def commit(self) -> Event:
        self.head_seq += 1
        self.uids += 1
        self.events[self.head_seq] = event_of(self.epoch, self.head_seq, self.uids)
        return self.events[self.head_seq]

    def expire(self, count: int) -> None:
        for seq in sorted(self.events)[:count]:
            del self.events[seq]

    def fail_over(self, lost: int) -> None:
        """An asynchronous standby takes over; the newest `lost` commits are gone and their numbers come again."""
        self.promote(lost)
        self.enter_epoch()

    def promote(self, lost: int) -> None:
        """The moment of it: nothing is appended, and no extent told, until somebody has entered the new epoch."""
        self.head_seq = max(0, self.head_seq - lost)
        self.events = {seq: event for seq, event in self.events.items() if seq <= self.head_seq}
        self.settled = False

    def enter_epoch(self) -> None:
        if not self.settled:
            self.epoch += 1
            self.forks[self.epoch] = self.head_seq
            self.settled = True

    def page(self, after_seq: int) -> tuple[int, list[Event]]:
        run = [self.events[seq] for seq in sorted(self.events) if seq > after_seq][:PAGE]
        if run:
            return run[0].offset.seq - 1, run
        return max(after_seq, self.head_seq), []


class Stream:
    """Redis as it is: takes what is newer than its last entry, trims, forgets everything."""

    def __init__(self) -> None:
        self.entries: list[Event] = []

    def add(self, event: Event) -> None:
        if not self.entries or event.offset > self.entries[-1].offset:
            self.entries.append(event)

    def read(self, after: Offset, through: Offset) -> list[Event]:
        run = [event for event in self.entries if after < event.offset <= through][:PAGE]
        contiguous = all(event.offset.seq == after.seq + 1 + index for index, event in enumerate(run))
        return run if contiguous else []


@dataclass(eq=False)
class Till:
    """A terminal. `applied` are its own notes, `start` where they begin."""

    gateway: "Gateway | None" = None
    applied: list[tuple[Offset, int]] = field(default_factory=list)
    start: int | None = None
    cursor: Offset | None = None
    position: int = 0
    live: bool = False
    paused: bool = False

    def take(self, data: bytes) -> None:
        for offset, uid in read_frames(data):
            assert self.cursor is not None
            assert offset.seq == self.cursor.seq + 1, f"{offset} came behind {self.cursor}"
            self.applied.append((offset, uid))
            self.cursor = offset

    def reset(self, to: Offset) -> None:
        """History between was lost, or never was: what lies behind `to` is dropped, the stream goes on there."""
        self.applied = [(offset, uid) for offset, uid in self.applied if offset.seq <= to.seq]
        if not self.applied or self.applied[-1][0].seq != to.seq:
            self.applied, self.start = [], to.seq
        self.cursor = to
        self.position = to.seq


class Gateway:
    """The shells around one TenantLog."""

    def __init__(self, database: Database, stream: Stream, ring: int) -> None:
        self.database = database
        self.stream = stream
        self.log = self.make_log(ring)
        # The head that PostgreSQL was told last.
        self.told: Offset | None = None
        self.tills: list[Till] = []

    def make_log(self, ring: int) -> TenantLog:
        database = self.database
        return TenantLog(database.head, database.floor, dict(database.forks), max_events=ring)

    def hear(self, event: Event) -> None:
        _, entries = self.log.receive(event)
        self._broadcast(entries)

    def _broadcast(self, entries: list[Entry]) -> None:
        if entries:
            for till in self.tills:
                if till.live:
                    till.take(b"".join(entry.frame for entry in entries))

    def check_head(self) -> None:
        self.log.learn(self.database.head)

    def heal(self) -> None:
        """The work of the gap filler until nothing is known to be missing."""
        for _ in range(200):
            if not self.log.behind:
                return
            self._heal_step()
        raise AssertionError("the gap filler does not come to an end")

    def _heal_step(self) -> None:
        if self.log.known_head.epoch > self.log.epoch:
            self._change_epoch()
            return
        events = self.stream.read(self.log.head, self.log.known_head)
        if events:
            for event in events:
                self.hear(event)
            return
        floor, events = self.database.page(self.log.head_seq)
        head = self.database.head
        self.log.learn(head)
        if head.epoch != self.log.epoch:
            return
        if floor > self.log.head_seq:
            self._lose_history(Offset(head.epoch, floor))
        for event in events:
            self.hear(event)
        if self.log.head >= head:
            self.log.confirm(head)

    def _lose_history(self, floor: Offset) -> None:
        for till in self.tills:
            if till.live:
                till.position, till.live = self.log.head_seq, False
        self.log.raise_floor(floor)

    def _change_epoch(self) -> None:
        database = self.database
        if database.epoch <= self.log.epoch:
            self.log.confirm(database.head)
            return
        for till in self.tills:
            if till.live:
                till.position, till.live = self.log.head_seq, False
        shared = self.log.enter_epoch(database.head, database.floor, dict(database.forks))
        for till in self.tills:
            if till.position > shared:
                till.reset(Offset(database.epoch, shared))

    def connect(self, till: Till, after: Offset | None) -> None:
        if after is not None and after > self.log.head:
            self.check_head()
            self.heal()
        start = self.log.start(after)
        till.gateway = self
        till.live = False
        if start.reset is not None or after is None or after == BEGINNING:
            till.reset(start.position)
        till.position = start.position.seq
        self.tills.append(till)

    def disconnect(self, till: Till) -> None:
        self.tills.remove(till)
        till.gateway = None
        till.live = False

    def replay(self, till: Till) -> None:
        """The work of the replayer for one laggard until it stands at the head."""
        for _ in range(200):
            if till.live:
                return
            before = till.position
            match next_step(till.position, self.log, EVERYTHING, max_bytes=40):
                case AtHead():
                    till.live = True
                case Write(data, _, position):
                    till.position = position
                    till.take(data)
                case Skip(position):
                    till.reset(Offset(self.log.epoch, position))
                case Fetch():
                    self._replay_page(till)
                    if till.position == before and till.position >= self.log.floor.seq:
                        return  # the database knows less than we do: the head check will tell
        raise AssertionError("the replayer does not come to an end")

    def _replay_page(self, till: Till) -> None:
        after = Offset(self.log.epoch, till.position)
        events = self.stream.read(after, self.log.head)
        if not events:
            if self.database.epoch != self.log.epoch:
                self.log.learn(self.database.head)
                return  # the gap filler enters the new epoch first
            floor, events = self.database.page(till.position)
            if floor > till.position:
                self._lose_history(Offset(self.database.epoch, floor))
                return
        step = pack(
            [entry_of(event) for event in events],
            till.position,
            self.log.head_seq,
            EVERYTHING,
            max_bytes=1000,
        )
        till.position = step.position
        till.take(step.data)


def judge(till: Till, database: Database) -> None:
    """A terminal's events must be exactly the log of record, from where it began to the head."""
    assert till.start is not None
    expected = [
        (event.offset, int(event.payload.split(b" ")[1]))
        for seq, event in sorted(database.events.items())
        if seq > till.start
    ]
    retained = [(offset, uid) for offset, uid in till.applied if offset.seq in database.events]
    assert retained == expected, f"holds {in_words(retained)} where the log has {in_words(expected)}"


def in_words(held: list[tuple[Offset, int]]) -> str:
    """Offsets with the number that tells an event from another one at the same offset or seq."""
    return ", ".join(f"{offset} (#{uid})" for offset, uid in held) or "nothing"
