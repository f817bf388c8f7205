"""Bring lagging cursors forward: from the ring, then from pages of history, in turns that leave the loop to others.

One line for all rooms with laggards: a room's turn is a few sessions, then it stands at the end of the line again, and
after some milliseconds of turns the loop has its own. So a thousand rooms that lag cost the live ones no more than one
does, and a shop of a thousand tills delays a shop of two by a turn. A page is read once and serves every laggard that
stands in it, also those who come a little later: a crowd that comes back costs one read a tenant.
"""

import asyncio
import logging
from collections import deque
from time import monotonic

from backbone.contract.errors import Unavailable
from backbone.contract.offset import Offset
from gateway import metrics
from gateway.core.cursor import AtHead, Fetch, Skip, Write, next_step, pack
from gateway.core.tenant_log import entry_of
from gateway.fanout.cohort import TURN_BYTES
from gateway.replay.page_cache import Kept, PageCache
from gateway.replay.page_reader import READS_AT_ONCE, PageReader
from gateway.replay.room_tasks import RoomTasks
from gateway.rooms.room import Room
from gateway.rooms.session import Session

log = logging.getLogger("bellwire.replayer")

SESSIONS_A_TURN = 16
SLICE_SECONDS = 0.004
"""Of turns before the loop has its own."""
RETRY_SECONDS = 0.5

Step = AtHead | Write | Fetch | Skip


class Round:
    """A room's laggards on their way: `due` have their turn in this round, `waiting` turned out to need a page.

    `page` is the one that was read for this round.
    """

    __slots__ = ("due", "page", "room", "waiting")

    def __init__(self, room: Room) -> None:
        self.room = room
        self.due: list[Session] = []
        self.waiting: list[Session] = []
        self.page: Kept | None = None


class Replayer:
    """One task while anybody lags, none otherwise; and one for each page that is being read."""

    def __init__(self, history: PageReader) -> None:
        self._history = history
        self._rounds: dict[Room, Round] = {}
        self._line: deque[Round] = deque()
        self._task: asyncio.Task[None] | None = None
        self._reads = RoomTasks("replay", self._fetch, self._fetched)
        # Held from before a page is read until it has served its round: so few pages are in memory, whoever comes.
        self._slots = asyncio.Semaphore(READS_AT_ONCE)
        self._pages: PageCache[Room] = PageCache()

    def start(self, room: Room) -> None:
        """See to it that this room's laggards are brought forward."""
        if room not in self._rounds:
            self._rounds[room] = Round(room)
            self._line_up(self._rounds[room])

    async def stop(self) -> None:
        """End every task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._reads.stop()

    def _line_up(self, round_: Round) -> None:
        round_.due = list(round_.room.lagging)
        self._line.append(round_)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="replay")

    async def _run(self) -> None:
        # A session that began to lag in this turn of the loop has company by the next one.
        await asyncio.sleep(0)
        until = monotonic() + SLICE_SECONDS
        while self._line:
            round_ = self._line.popleft()
            try:
                self._turn(round_)
            except Exception:
                log.exception("room.bug", extra={"task": "replay", "tenant": round_.room.tenant})
                self._forget(round_)
                # Later, so that a bug does not spin.
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._restart, round_.room)
            if monotonic() > until:
                await asyncio.sleep(0)
                until = monotonic() + SLICE_SECONDS
        self._task = None

    def _turn(self, round_: Round) -> None:
        """Bring a few of a room's sessions forward, and put the room where it belongs then."""
        room = round_.room
        # Nothing waits in here, so the log stands still: who stands at the same position gets the same bytes.
        steps: dict[object, Step] = {}
        for _ in range(min(SESSIONS_A_TURN, len(round_.due))):
            session = round_.due.pop()
            if session in room.lagging:
                self._bring_forward(round_, session, steps)
        if round_.due:
            self._line.append(round_)
            return
        self._give_back_page(round_)
        if round_.waiting:
            self._reads.start(room)
        elif room.lagging:
            self._line_up(round_)
        else:
            del self._rounds[room]

    def _bring_forward(self, round_: Round, session: Session, steps: dict[object, Step]) -> None:
        room = round_.room
        standing = (session.position, session.filter, session.encoding)
        step = steps.get(standing)
        if step is None:
            step = steps[standing] = self._next_step(round_, session)
        match step:
            case AtHead():
                room.settle(session)
            case Write():
                _send(session, step)
            case Skip(position):
                session.reset(Offset(room.log.epoch, position), "retention")
            case Fetch():
                round_.waiting.append(session)

    def _next_step(self, round_: Round, session: Session) -> Step:
        room, encode = round_.room, session.encoding.event
        step = next_step(session.position, room.log, session.filter, TURN_BYTES, encode)
        if isinstance(step, Write):
            metrics.REPLAYED_RING.inc(step.events)
        elif isinstance(step, Fetch):
            page = round_.page or self._pages.get(room)
            entries = None if page is None else page.entries_after(room.log.edition, session.position)
            if page is not None and entries is not None:
                step = pack(entries, session.position, room.log.head_seq, session.filter, TURN_BYTES, encode)
                page.replayed.inc(step.events)
        return step

    # -- pages ---------------------------------------------------------------------------------------------------

    async def _fetch(self, room: Room) -> None:
        """Read the page that the hindmost needs; it serves everybody who stands in it."""
        round_ = self._rounds[room]
        await self._slots.acquire()
        try:
            round_.page = await self._page_for(room, round_.waiting)
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            if round_.page is None:
                self._slots.release()

    async def _page_for(self, room: Room, waiting: list[Session]) -> Kept | None:
        # Some have left while their page had to wait.
        positions = [session.position for session in waiting if session in room.lagging]
        if not positions:
            return None
        start, epoch = min(positions), room.log.epoch
        edition = room.log.edition
        page = await self._history.page(room.tenant, room.log, Offset(epoch, start), room.log.head)
        metrics.PAGES.labels(page.source).inc()
        if page.head is not None and page.head.epoch != room.log.epoch:
            # History forked, or a server answers for one that is over: the gap filler enters the new epoch first.
            room.learn(page.head)
            raise Unavailable("the event log")
        if page.floor.seq > start:
            room.lose_history(page.floor)
            return None
        if not page.events:
            # A server that knows less than we do (it is being replaced): the head check will tell.
            raise Unavailable("the event log")
        replayed = metrics.REPLAYED_REDIS if page.source == "redis" else metrics.REPLAYED_POSTGRES
        return Kept(edition, start, [entry_of(event) for event in page.events], replayed)

    def _fetched(self, room: Room, bug: bool) -> None:
        round_ = self._rounds[room]
        round_.waiting = []
        if bug:
            self._forget(round_)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._restart, room)
        else:
            self._line_up(round_)

    def _give_back_page(self, round_: Round) -> None:
        if round_.page is not None:
            self._pages.keep(round_.room, round_.page)
            round_.page = None
            self._slots.release()

    def _forget(self, round_: Round) -> None:
        if round_.page is not None:
            round_.page = None
            self._slots.release()
        self._rounds.pop(round_.room, None)

    def _restart(self, room: Room) -> None:
        if room.lagging:
            self.start(room)


def _send(session: Session, step: Write) -> None:
    """Move the cursor, then write: a socket that turns slow in mid-write stands where it will go on."""
    session.position = step.position
    metrics.DELIVERED[session.encoding.name].inc(step.events)
    if step.data:
        session.socket.write(step.data)
