"""The work for all sessions at once, four times a second: heartbeats, dead peers, slow readers, empty rooms.

Owns since when a session is paused and since when a room is empty. Knows no tenant's log beyond its head, and no
database. No session has a timer of its own; one wheel serves all of them.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from backbone.contract.errors import CloseCode
from backbone.contract.slug import is_test_slug
from gateway import metrics
from gateway.core.encoding import Encoding
from gateway.core.wheel import Wheel
from gateway.rooms.session import Home, Session
from gateway.settings import GatewaySettings

log = logging.getLogger("bellwire.upkeep")

TICK_SECONDS = 0.25
STALL_SECONDS = 0.5
IDLE_SECONDS = 60.0
MISSED_PINGS = 2


class Upkeep:
    """The wheel, and those who need a look now and then: a thousand rooms that need none cost none.

    `paused` has the sessions whose sockets take nothing, with the moment (monotonic) since when; rooms write it.
    `on_tick` is called each time; `on_stall` hears that the event loop stood still, `on_idle` of a room that nobody
    needs any more.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        on_tick: Callable[[], None],
        on_stall: Callable[[], None],
        on_idle: Callable[[Home], None],
    ) -> None:
        self.paused: dict[Session, float] = {}
        self._empty: dict[Home, float] = {}
        self._wheel: Wheel[Session] = Wheel(max(1, round(settings.heartbeat_seconds / TICK_SECONDS)))
        self._slow_seconds = settings.slow_seconds
        self._on_tick = on_tick
        self._on_stall = on_stall
        self._on_idle = on_idle

    def enter(self, session: Session) -> None:
        """A session is about to enter its room."""
        self._empty.pop(session.room, None)
        session.slot = self._wheel.add(session)

    def leave(self, session: Session) -> None:
        """A session has left its room."""
        self._wheel.remove(session, session.slot)
        if session.room.empty:
            self._empty[session.room] = time.monotonic()

    def expect(self, room: Home) -> None:
        """Somebody is about to come into a room; it has its whole time from now, should nobody come."""
        if room.empty:
            self._empty[room] = time.monotonic()

    async def run(self) -> None:
        """Turn the wheel, for ever; ends by cancellation only."""
        due = time.monotonic()
        while True:
            due += TICK_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now - due > STALL_SECONDS:
                log.warning("loop.stalled", extra={"seconds": round(now - due, 3)})
                self._on_stall()
                due = now
            self.tick(now)

    def tick(self, now: float) -> None:
        """See to those who are due at this moment (monotonic)."""
        self._beat()
        self._end_slow(now)
        self._close_empty(now)
        self._on_tick()

    def _beat(self) -> None:
        beats: dict[tuple[Home, Encoding], bytes] = {}
        for session in self._wheel.turn():
            session.messages = 0
            if session.unanswered_pings >= MISSED_PINGS:
                session.socket.abort()
            elif not session.socket.paused:
                session.unanswered_pings += session.encoding.answers_pings
                at = room, encoding = session.room, session.encoding
                beat = beats.get(at)
                if beat is None:
                    beat = beats[at] = encoding.heartbeat(room.log.head)
                session.socket.write(beat)

    def _end_slow(self, now: float) -> None:
        # A copy: one that is closed leaves, and takes itself off the list.
        for session, since in tuple(self.paused.items()):
            if now - since > self._slow_seconds:
                metrics.SLOW_CLOSED.inc()
                if is_test_slug(session.room.tenant):
                    metrics.TEST_SLOW_CLOSED.inc()
                session.socket.close(CloseCode.TOO_SLOW, "too slow to keep up; resume by offset")

    def _close_empty(self, now: float) -> None:
        for room, since in tuple(self._empty.items()):
            if now - since > IDLE_SECONDS:
                del self._empty[room]
                self._on_idle(room)
