"""Bring lagging cursors forward: from the ring, then from pages of history, in turns that leave the loop to others.

One task per room that has laggards, none otherwise. A page is read once and serves every laggard that stands in it, so
a thousand terminals that come back at once cost as many reads as one.
"""

import asyncio

from backbone.contract.errors import Unavailable
from backbone.contract.offset import Offset
from gateway import metrics
from gateway.cohort import TURN_BYTES
from gateway.core.cursor import AtHead, Fetch, Skip, Write, next_step, pack
from gateway.core.tenant_log import entry_of
from gateway.history import History, Page
from gateway.room import Room
from gateway.room_tasks import RoomTasks
from gateway.terminal import Terminal

TERMINALS_A_SLICE = 50
RETRY_SECONDS = 0.5


class Pump:
    """Runs one task per room with laggards."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._tasks = RoomTasks("pump", self._run, self._ended)

    def start(self, room: Room) -> None:
        """See to it that this room's laggards are brought forward."""
        self._tasks.start(room)

    def _ended(self, room: Room, bug: bool) -> None:
        if room.lagging:
            # Somebody began to lag in the task's last moment, or it died of a bug: later, so that a bug does not spin.
            asyncio.get_running_loop().call_later(RETRY_SECONDS if bug else 0, self._restart, room)

    def _restart(self, room: Room) -> None:
        if room.lagging:
            self.start(room)

    async def stop(self) -> None:
        """End every task."""
        await self._tasks.stop()

    async def _run(self, room: Room) -> None:
        while room.lagging:
            waiting = await self._turn(room)
            if waiting:
                try:
                    await self._read_for(room, waiting)
                except Unavailable:
                    await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(0)

    async def _turn(self, room: Room) -> list[Terminal]:
        """Give every laggard what the ring has for it; returns those that need a page of history."""
        waiting = []
        for index, terminal in enumerate(tuple(room.lagging)):
            if index % TERMINALS_A_SLICE == TERMINALS_A_SLICE - 1:
                await asyncio.sleep(0)
            if terminal not in room.lagging:
                continue
            match next_step(terminal.position, room.log, terminal.types, TURN_BYTES, terminal.door.event):
                case AtHead():
                    room.settle(terminal)
                case Write() as step:
                    metrics.REPLAYED_RING.inc(step.count)
                    _send(room, terminal, step)
                case Skip(position):
                    terminal.reset(Offset(room.log.epoch, position), "retention")
                case Fetch():
                    waiting.append(terminal)
        return waiting

    async def _read_for(self, room: Room, waiting: list[Terminal]) -> None:
        """Read the page that the hindmost needs, and serve everybody who stands in it."""
        start = min(terminal.position for terminal in waiting)
        page = await self._history.page(room.tenant, Offset(room.log.epoch, start), room.log.head)
        if page.head is not None and page.head.epoch != room.log.epoch:
            # History forked, or a server answers for one that is over: the healer enters the new epoch first.
            room.learn(page.head)
            raise Unavailable("the event log")
        if page.floor.seq > start:
            room.lose_history(page.floor)
        elif page.events:
            self._serve(room, page, start)
        else:
            # A server that knows less than we do (it is being replaced): the head check will tell.
            raise Unavailable("the event log")

    def _serve(self, room: Room, page: Page, start: int) -> None:
        entries = [entry_of(event) for event in page.events]
        replayed = metrics.REPLAYED_REDIS if page.source == "redis" else metrics.REPLAYED_POSTGRES
        for terminal in tuple(room.lagging):
            if not entries or not start <= terminal.position < entries[-1].seq:
                continue
            # One write a turn: what the kernel does not take of it is all that a transport ever holds.
            step = pack(
                entries, terminal.position, room.log.head_seq, terminal.types, TURN_BYTES, terminal.door.event
            )
            replayed.inc(step.count)
            _send(room, terminal, step)


def _send(room: Room, terminal: Terminal, step: Write) -> None:
    """Move the cursor, then write: a socket that turns slow in mid-write stands where it will go on."""
    terminal.position = step.position
    metrics.DELIVERED[terminal.door.name].inc(step.count)
    if step.data:
        terminal.socket.write(step.data)
