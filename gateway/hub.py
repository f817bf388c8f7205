"""The rooms of this gateway: opened for a tenant's first terminal, closed a while after its last one left.

Makes what the rooms share and the tasks that serve all of them, hands each event to its room, lets sessions in and out,
and closes them in the end. A session inside its room is the room's business.
"""

import asyncio
import contextlib
import logging
import random
import time

from backbone.contract.errors import CloseCode, Unavailable
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.contract.slug import is_test_slug
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.postgres import Database
from backbone.eventlog.stream import Stream
from backbone.runtime.faults import FAULTS
from backbone.runtime.health import Health
from gateway import metrics
from gateway.core.drain import drain_plan
from gateway.core.tenant_log import TenantLog
from gateway.fanout.scheduler import Scheduler
from gateway.fanout.send_all import choose_send_all
from gateway.head_check import HeadChecker
from gateway.replay.gap_filler import GapFiller
from gateway.replay.page_reader import PageReader
from gateway.replay.replayer import Replayer
from gateway.rooms.room import Room, Shared
from gateway.rooms.session import Home, Session
from gateway.rooms.write_behind import WriteBehind
from gateway.settings import GatewaySettings
from gateway.upkeep import Upkeep

log = logging.getLogger("bellwire.hub")


class Hub:
    """Every room of this pod. `feed`, `head_check`, `upkeep` and `write_behind` each have a task, see `gateway.app`."""

    def __init__(self, settings: GatewaySettings, database: Database, stream: Stream, health: Health) -> None:
        self._settings = settings
        self._health = health
        self._rooms: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Task[Room]] = {}
        self._missed_while_opening: set[str] = set()
        self._history = PageReader(database, stream)
        self._replayer = Replayer(self._history)
        self._gap_filler = GapFiller(self._history)
        scheduler = Scheduler()
        self.feed = LiveFeed(
            settings,
            stream.topology,
            self._on_event,
            self._on_confirmed,
            together=scheduler,
            on_head=self._on_head,
        )
        self.head_check = HeadChecker(settings, database, self.feed, health, self._rooms)
        self.upkeep = Upkeep(
            settings, self.head_check.look_for_unheard, self.head_check.soon, self._close_room
        )
        self.write_behind = WriteBehind(database, settings.pod_name)
        way, send_all = choose_send_all(settings.fanout)
        log.info("fanout.chosen", extra={"way": way})
        self._shared = Shared(
            write_behind=self.write_behind,
            send_all=send_all,
            paused=self.upkeep.paused,
            schedule=scheduler.add,
            replay=self._replayer.start,
            fill_gap=self._gap_filler.start,
        )
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
            self.upkeep.expect(room)
            return room
        task = self._opening.get(tenant)
        if task is None:
            task = asyncio.create_task(self._open(tenant), name=f"open:{tenant}")
            self._opening[tenant] = task
            task.add_done_callback(lambda _: self._opening.pop(tenant, None))
        # Shielded: a terminal that gives up is cancelled here, and must not take the opening from the others.
        return await asyncio.shield(task)

    async def _open(self, tenant: str) -> Room:
        # Heard first, read then: what is committed in between is in both, and a double is dropped.
        self.feed.want(tenant)
        try:
            extent = await self._history.extent(tenant)
        except BaseException:
            self.feed.unwant(tenant)
            self._missed_while_opening.discard(tenant)
            raise
        tenant_log = TenantLog(
            extent.head,
            extent.floor,
            extent.forks,
            erased=extent.erased,
            max_events=self._settings.ring_events,
            max_bytes=self._settings.ring_bytes,
        )
        room = Room(tenant, tenant_log, self._shared)
        self.upkeep.expect(room)
        self._rooms[tenant] = room
        metrics.ROOMS.set(len(self._rooms))
        if tenant in self._missed_while_opening:
            self._missed_while_opening.discard(tenant)
            self.head_check.soon()
        return room

    def _close_room(self, room: Home) -> None:
        del self._rooms[room.tenant]
        self.feed.unwant(room.tenant)
        metrics.ROOMS.set(len(self._rooms))

    async def compare(self, room: Room) -> None:
        """Compare a room's log with PostgreSQL and fill what is missing; for a terminal that knows more than we do.

        Raises:
            Unavailable: PostgreSQL, or the hole could not be closed in time.
        """
        extent = await self._history.extent(room.tenant)
        room.log.forget(extent.erased)
        room.learn(extent.head)
        try:
            async with asyncio.timeout(self._settings.database_timeout_seconds):
                await self._gap_filler.healed(room)
        except TimeoutError as exc:
            raise Unavailable("the event log") from exc

    # -- sessions ------------------------------------------------------------------------------------------------

    def enter(self, session: Session) -> None:
        """Let a session in. `leave` is the same the other way round."""
        self.sockets += 1
        metrics.CONNECTIONS.labels(session.encoding.name).inc()
        if is_test_slug(session.room.tenant):
            metrics.TEST_CONNECTIONS.inc()
        self.upkeep.enter(session)
        session.room.enter(session)

    def leave(self, session: Session) -> None:
        """Let a session out. Called by itself, at the moment its connection begins to close."""
        session.room.leave(session)
        self.upkeep.leave(session)
        metrics.CONNECTIONS.labels(session.encoding.name).dec()
        if is_test_slug(session.room.tenant):
            metrics.TEST_CONNECTIONS.dec()
        self.sockets -= 1

    # -- the feed ------------------------------------------------------------------------------------------------

    def _on_event(self, tenant: str, event: Event) -> None:
        if FAULTS:
            FAULTS.hit("read")
        room = self._rooms.get(tenant)
        if room is not None:
            room.hear(event)
        elif tenant in self._opening:
            # Maybe later than the head that is being read for this room.
            self._missed_while_opening.add(tenant)

    def _on_head(self, tenant: str, head: Offset) -> None:
        room = self._rooms.get(tenant)
        if room is not None:
            room.learn(head)
        elif tenant in self._opening:
            self._missed_while_opening.add(tenant)

    def _on_confirmed(self, _: str) -> None:
        if FAULTS:
            FAULTS.hit("subscribed")
        # An event that was published before the subscription held was heard by nobody.
        self.head_check.soon()

    # -- the end -------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Close every socket, spread over `drain_seconds`, each with its own moment to come back."""
        self._health.drain()
        metrics.DRAINING.set(1)
        if self.sockets:
            await asyncio.sleep(self._settings.drain_notice_seconds)
        # Looked up after the notice: some came until the load balancer had noticed.
        sessions = [session for room in self._rooms.values() for session in room.sessions]
        log.info("drain.started", extra={"sockets": len(sessions), "seconds": self._settings.drain_seconds})
        seconds = await self._send_away(sessions)
        log.info("drain.ended", extra={"seconds": seconds})

    async def move(self, address: str) -> None:
        """Close the sockets that came by one balancer, in the same way; this pod goes on."""
        sessions = [s for room in self._rooms.values() for s in room.sessions if s.socket.peer == address]
        if not sessions:
            return
        log.info("balancer.moving", extra={"address": address, "sockets": len(sessions)})
        seconds = await self._send_away(sessions)
        log.info("balancer.moved", extra={"address": address, "seconds": seconds})

    async def _send_away(self, sessions: list[Session]) -> float:
        random.shuffle(sessions)
        began = time.monotonic()
        for closing in drain_plan(len(sessions), self._settings.drain_seconds):
            await asyncio.sleep(max(0.0, began + closing.at_seconds - time.monotonic()))
            sessions[closing.index].socket.close(CloseCode.RESTART, f"retry_ms={closing.retry_ms}")
        return round(time.monotonic() - began, 1)

    def resume(self) -> None:
        """Take terminals again, after a drain that was no end."""
        self._health.resume()
        metrics.DRAINING.set(0)
        log.info("drain.taken_back")

    async def close(self) -> None:
        """End the tasks of rooms, those that still open included, and write the last words about the sessions."""
        openings = list(self._opening.values())
        for opening in openings:
            opening.cancel()
        await asyncio.gather(*openings, return_exceptions=True)
        await self._replayer.stop()
        await self._gap_filler.stop()
        with contextlib.suppress(Unavailable):
            await self.write_behind.flush()
