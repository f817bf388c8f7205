"""The rooms of this gateway: opened for a tenant's first terminal, closed a while after its last one left.

Owns what the rooms share (feed, ledger, pump, healer) and the upkeep that runs for all of them at once: head checks,
heartbeats, and the end of connections that take or answer nothing.
"""

import asyncio
import contextlib
import logging
import random
import time

from backbone.contract.errors import CloseCode, Unavailable
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.epochs import enter_epoch
from backbone.eventlog.head_check import HeadCheck, check_heads, read_clock
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from backbone.eventlog.stream import Stream
from backbone.runtime.faults import FAULTS
from backbone.runtime.health import Health
from backbone.runtime.metrics import LOG_EPOCH, POSTGRES_UP, REDIS_UP
from gateway import metrics
from gateway.core.drain import drain_plan
from gateway.core.encoding import Encoding
from gateway.core.tenant_log import TenantLog
from gateway.core.wheel import Wheel
from gateway.fanout.scheduler import Scheduler
from gateway.fanout.send_all import choose_send_all
from gateway.replay.gap_filler import GapFiller
from gateway.replay.page_reader import PageReader
from gateway.replay.replayer import Replayer
from gateway.rooms.room import Room
from gateway.rooms.session import Session
from gateway.rooms.write_behind import WriteBehind
from gateway.settings import GatewaySettings

log = logging.getLogger("bellwire.hub")

TICK_SECONDS = 0.25
STALL_SECONDS = 0.5
SUSPECT_CHECK_SECONDS = 0.25
IDLE_SECONDS = 60.0
MISSED_PINGS = 2
GATHER_SECONDS = 0.005


class Hub:
    """Every room of this pod. Its `run_…` methods are the bodies of the pod's tasks."""

    def __init__(self, settings: GatewaySettings, database: Database, stream: Stream, health: Health) -> None:
        self._settings = settings
        self._database = database
        self._health = health
        self._history = PageReader(database, stream)
        self._rooms: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Task[Room]] = {}
        self._missed_while_opening: set[str] = set()
        # Who needs a look now and then is kept apart: a thousand rooms that need none then cost none.
        self._empty: set[Room] = set()
        self._paused: set[Session] = set()
        self._wheel: Wheel[Session] = Wheel(max(1, round(settings.heartbeat_seconds / TICK_SECONDS)))
        self._check_now = asyncio.Event()
        self.ledger = WriteBehind(database, settings.pod_name)
        self.pump = Replayer(self._history)
        self.healer = GapFiller(self._history)
        self.turns = Scheduler()
        self.feed = LiveFeed(
            settings, stream.topology, self._on_event, self._on_confirmed, together=self.turns
        )
        way, self._send_all = choose_send_all(settings.fanout)
        log.info("fanout.chosen", extra={"way": way})
        self.sockets = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for another socket."""
        return self.sockets >= self._settings.max_sockets

    # -- rooms ---------------------------------------------------------------------------------------------------

    async def room(self, tenant: str) -> Room:
        """Return the tenant's room, opening it when this is its first terminal here; many callers share one opening.

        Raises:
            Unavailable: PostgreSQL.
            LookupError: there is no such tenant.
        """
        room = self._rooms.get(tenant)
        if room is not None:
            room.empty_since = time.monotonic() if room.empty_since is not None else None
            return room
        task = self._opening.get(tenant)
        if task is None:
            task = asyncio.create_task(self._open(tenant), name=f"open:{tenant}")
            self._opening[tenant] = task
            task.add_done_callback(lambda _: self._opening.pop(tenant, None))
        # Shielded: a terminal that gives up must not take the opening from the others.
        return await asyncio.shield(task)

    async def _open(self, tenant: str) -> Room:
        # Heard first, read then: what is committed in between is in both, and a double is dropped.
        self.feed.want(tenant)
        try:
            extent = await self._history.extent(tenant)
        except (Unavailable, LookupError):
            self.feed.unwant(tenant)
            raise
        tenant_log = TenantLog(
            extent.head,
            extent.floor,
            extent.forks,
            max_events=self._settings.ring_events,
            max_bytes=self._settings.ring_bytes,
        )
        room = Room(
            tenant, tenant_log, self.ledger, self.pump.start, self.healer.start, self._on_left, self.turns.add,
            self._send_all, self._paused,
        )  # fmt: skip
        room.empty_since = time.monotonic()
        self._empty.add(room)
        self._rooms[tenant] = room
        metrics.ROOMS.set(len(self._rooms))
        if tenant in self._missed_while_opening:
            self._missed_while_opening.discard(tenant)
            self._check_now.set()
        return room

    async def compare(self, room: Room) -> None:
        """Compare a room's log with PostgreSQL and fill what is missing; for a terminal that knows more than we do.

        Raises:
            Unavailable: PostgreSQL, or the hole could not be closed in time.
        """
        extent = await self._history.extent(room.tenant)
        room.learn(extent.head)
        try:
            async with asyncio.timeout(self._settings.database_timeout_seconds):
                await self.healer.healed(room)
        except TimeoutError as exc:
            raise Unavailable("the event log") from exc

    def enter(self, terminal: Session) -> None:
        """Take a connected terminal in."""
        self.sockets += 1
        metrics.CONNECTIONS.labels(terminal.door.name).inc()
        terminal.slot = self._wheel.add(terminal)
        terminal.room.enter(terminal)

    def _on_left(self, room: Room, terminal: Session) -> None:
        if room.empty_since is not None:
            self._empty.add(room)
        self.sockets -= 1
        metrics.CONNECTIONS.labels(terminal.door.name).dec()
        self._wheel.remove(terminal, terminal.slot)

    # -- the feed ------------------------------------------------------------------------------------------------

    def _on_event(self, tenant: str, event: Event) -> None:
        if FAULTS:
            FAULTS.hit("read")
        room = self._rooms.get(tenant)
        if room is not None:
            room.receive(event)
        elif tenant in self._opening:
            # Maybe later than the head that is being read for this room.
            self._missed_while_opening.add(tenant)

    def _on_confirmed(self, _: str) -> None:
        if FAULTS:
            FAULTS.hit("subscribed")
        # Whatever was published before the subscription held was heard by nobody.
        self._check_now.set()

    # -- the head check ------------------------------------------------------------------------------------------

    async def run_head_check(self) -> None:
        """Compare every room with PostgreSQL, each second or so, and at once when there is a reason."""
        since, pod = None, self._settings.pod_name
        while True:
            try:
                since = since or await read_clock(self._database)
                heads = {tenant: room.log.head_to_compare for tenant, room in self._rooms.items()}
                check = await check_heads(self._database, heads, since, pod)
                if check.epoch is None:
                    # Level-triggered: whichever pod sees it first enters the new epoch, and the heads are asked anew.
                    await enter_epoch(self._database)
                    continue
                LOG_EPOCH.set(check.epoch)
                since = max(since, check.moment)
                self._apply(check)
                self._report(postgres=True)
            except Unavailable:
                self._report(postgres=False)
            await self._until_next_check()

    def _apply(self, check: HeadCheck) -> None:
        metrics.HEAD_CHECK_LAG.set(self._learn(check.heads))
        for change in check.changes:
            room = self._rooms.get(change.tenant)
            if room is not None and change.revoked:
                room.revoke(change.terminal)
            elif room is not None and change.connection is not None:
                room.replace(change.terminal, change.connection)

    def _learn(self, heads: dict[str, Offset]) -> int:
        """Tell the rooms; returns how many events are missing here."""
        missing = 0
        for tenant, head in heads.items():
            room = self._rooms.get(tenant)
            if room is not None:
                missing += max(0, head.seq - room.log.head_seq)
                room.learn(head)
        return missing

    def _report(self, *, postgres: bool) -> None:
        self._health.report("PostgreSQL", postgres)
        POSTGRES_UP.set(postgres)
        REDIS_UP.set(self.feed.trusted)
        metrics.UNHEARD.set(len(self.feed.unheard()))

    async def _until_next_check(self) -> None:
        seconds = self._settings.head_check_seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        due = time.monotonic() + seconds
        while (left := due - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(left, SUSPECT_CHECK_SECONDS)):
                    await self._check_now.wait()
            except TimeoutError:
                await self._check_unheard()
                continue
            # Confirmations come in crowds; one check answers those of the next moment too.
            await asyncio.sleep(GATHER_SECONDS)
            break
        self._check_now.clear()

    async def _check_unheard(self) -> None:
        """Look more often after those tenants whose Redis cannot be trusted, and after no others."""
        tenants = [tenant for tenant in self.feed.unheard() if tenant in self._rooms]
        if tenants:
            try:
                self._learn(await read_heads(self._database, tenants))
            except Unavailable:
                self._report(postgres=False)

    # -- upkeep --------------------------------------------------------------------------------------------------

    async def run_upkeep(self) -> None:
        """Turn the wheel: heartbeats, dead peers, slow readers, empty rooms."""
        due = time.monotonic()
        while True:
            due += TICK_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now - due > STALL_SECONDS:
                log.warning("loop.stalled", extra={"seconds": round(now - due, 3)})
                self._check_now.set()
                due = now
            self._beat()
            self._end_slow(now)
            self._close_empty(now)

    def _beat(self) -> None:
        beats: dict[tuple[Room, Encoding], bytes] = {}
        for terminal in self._wheel.turn():
            terminal.messages = 0
            if terminal.unanswered_pings >= MISSED_PINGS:
                terminal.socket.abort()
            elif not terminal.socket.paused:
                terminal.unanswered_pings += terminal.door.answers_pings
                at = room, door = terminal.room, terminal.door
                beat = beats.get(at)
                if beat is None:
                    beat = beats[at] = door.heartbeat(room.log.head)
                terminal.socket.write(beat)

    def _end_slow(self, now: float) -> None:
        for terminal in tuple(self._paused):
            if terminal.paused_at is not None and now - terminal.paused_at > self._settings.slow_seconds:
                metrics.SLOW_CLOSED.inc()
                terminal.socket.close(CloseCode.TOO_SLOW, "too slow to keep up; resume by offset")

    def _close_empty(self, now: float) -> None:
        for room in tuple(self._empty):
            if room.empty_since is None:
                self._empty.discard(room)
            elif now - room.empty_since > IDLE_SECONDS:
                self._empty.discard(room)
                del self._rooms[room.tenant]
                self.feed.unwant(room.tenant)
                metrics.ROOMS.set(len(self._rooms))

    # -- the end -------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Close every socket, spread over `drain_seconds`, each with its own moment to come back."""
        self._health.drain()
        metrics.DRAINING.set(1)
        terminals = [terminal for room in self._rooms.values() for terminal in room.terminals]
        if terminals:
            await asyncio.sleep(self._settings.drain_notice_seconds)
            terminals = [terminal for room in self._rooms.values() for terminal in room.terminals]
        random.shuffle(terminals)
        log.info("drain.started", extra={"sockets": len(terminals), "seconds": self._settings.drain_seconds})
        began = time.monotonic()
        for closing in drain_plan(len(terminals), self._settings.drain_seconds):
            await asyncio.sleep(max(0.0, began + closing.at_seconds - time.monotonic()))
            terminals[closing.index].socket.close(CloseCode.RESTART, f"retry_ms={closing.retry_ms}")
        log.info("drain.ended", extra={"seconds": round(time.monotonic() - began, 1)})

    async def close(self) -> None:
        """End the rooms' tasks, and write the last words about the terminals."""
        await self.pump.stop()
        await self.healer.stop()
        with contextlib.suppress(Unavailable):
            await self.ledger.flush()
