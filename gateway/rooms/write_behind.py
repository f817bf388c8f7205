"""The news of this gateway's sessions for the log of record: arrivals, departures, how far they came, acks.

Gathered in memory, written in batches by one task, at most a second late. News that could not be written is kept and
written with the next batch, the newest state of each session; so the memory is bounded by their number. Sessions to
which nothing happens are not looked at.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sized
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from backbone.contract.errors import CloseCode, Unavailable
from backbone.eventlog.postgres import Database
from backbone.eventlog.presence import (
    Arrival,
    end_connections_before,
    record_arrivals,
    record_departures,
    renew_lease,
)
from backbone.eventlog.readings import Progress, advance_readings, unknown_readings
from backbone.runtime.faults import FAULTS
from gateway.rooms.session import Home, Session

log = logging.getLogger("bellwire.write_behind")

K = TypeVar("K")
V = TypeVar("V")

FLUSH_SECONDS = 0.5
RENEW_SECONDS = 2.0
WORDS_A_STATEMENT = 250
"""However many have gathered, a statement holds its terminals no longer than an ack over HTTP can wait for one."""
LOST_RETRY_MS = 1000
POSITIONS_A_FLUSH = 2000
"""Positions of event streams written at a time. Their acks come over HTTP, and count when the position is written."""
PACED_POSITIONS_A_FLUSH = 150
"""Positions of WebSockets written at a time, an ack's apart. Their acks are held to what was sent in memory; the row is
for the day on which this process is killed."""


class WriteBehind:
    """Pending words about sessions and their terminals. `run` is its only task's body."""

    def __init__(self, database: Database, gateway: str) -> None:
        self._database = database
        self._gateway = gateway
        self._arrivals: dict[UUID, tuple[Arrival, Session]] = {}
        self._departures: dict[UUID, UUID] = {}
        # Sessions with acks or an end to tell, and rooms in which somebody may stand elsewhere than is written.
        self._news: dict[Session, None] = {}
        self._moved: dict[Home, None] = {}
        self._moved_paced: dict[Home, None] = {}
        self._paced_left = 0
        # Sessions whose readings a history that is over may have taken along.
        self._doubted: dict[Session, None] = {}
        # Readings that were stored, and never had a session.
        self._unused: dict[UUID, Progress] = {}

    def arrived(self, session: Session) -> None:
        """A connection was made."""
        identity = session.identity
        self._arrivals[identity.terminal] = (
            Arrival(identity.terminal, identity.connection, datetime.now(UTC)),
            session,
        )

    def departed(self, session: Session) -> None:
        """A connection is gone."""
        identity = session.identity
        pending = self._arrivals.get(identity.terminal)
        # A newer session of the same terminal may have arrived already; that word stays.
        if pending is not None and pending[1] is session:
            del self._arrivals[identity.terminal]
        self._news[session] = None
        # One whose arrival is being written right now is seen to when that is done.
        if session.recorded:
            self._departures[identity.connection] = identity.terminal

    def acked(self, session: Session) -> None:
        """A session's terminal acked what it was sent."""
        self._news[session] = None

    def moved(self, home: Home) -> None:
        """Somebody in a room has been sent something, or is about to be."""
        self._moved[home] = self._moved_paced[home] = None

    def doubt(self, session: Session) -> None:
        """History forked: this session's reading may have been stored in the part that is no more."""
        self._doubted[session] = None

    def unused(self, progress: Progress) -> None:
        """A reading was stored whose connection never came to be."""
        self._unused[progress.reading] = progress

    async def run(self) -> None:
        """Write what has gathered, for ever; ends by cancellation only."""
        registered = False
        renewed_at = float("-inf")
        now = asyncio.get_running_loop().time
        while True:
            try:
                if not registered:
                    # Before the lease, which would keep them online, and before an arrival of ours.
                    if ended := await end_connections_before(self._database, self._gateway):
                        log.warning("gateway.back_under_its_name", extra={"connections": ended})
                    registered = True
                if now() - renewed_at >= RENEW_SECONDS:
                    await renew_lease(self._database, self._gateway)
                    renewed_at = now()
                await self.flush()
            except Unavailable:
                # The head check reports it; what is pending stays.
                await asyncio.sleep(FLUSH_SECONDS)
            await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Write everything pending, `WORDS_A_STATEMENT` at a time.

        However a statement ends but well, a cancellation or a bug included, its words are pending again: writing them
        twice does no harm, losing them hides who has seen an order.

        Raises:
            Unavailable: PostgreSQL; what was not written is pending still.
        """
        self._gather_moved()
        # News that comes in the meantime waits for the next flush: no kind may keep the others from their turn.
        for _ in range(_statements(self._news)):
            await self._flush_news()
        for _ in range(_statements(self._doubted)):
            await self._look_for_doubted()
        for _ in range(_statements(self._unused)):
            await self._flush_unused()
        for _ in range(_statements(self._arrivals)):
            await self._flush_arrivals()
        for _ in range(_statements(self._departures)):
            await self._flush_departures()

    def _gather_moved(self) -> None:
        """Add the sessions that stand elsewhere than is written, as many as one flush takes."""
        self._gather(self._moved, POSITIONS_A_FLUSH, over_http=True)
        # Of a large room more was written than had its turn: that is made up for by waiting.
        self._paced_left = min(0, self._paced_left) + PACED_POSITIONS_A_FLUSH
        self._paced_left -= self._gather(self._moved_paced, self._paced_left, over_http=False)

    def _gather(self, moved: dict[Home, None], most: int, *, over_http: bool) -> int:
        """Add those of the rooms that waited longest; returns how many sessions that were.

        A room is taken whole: of one that is larger than `most`, the first sessions alone would be written for ever.
        """
        count = 0
        while moved and count < most:
            home = next(iter(moved))
            for session in home.sessions:
                if (
                    session.encoding.acks_over_http is over_http
                    and session not in self._news
                    and session.reading.moved(session.sent)
                ):
                    self._news[session] = None
                    count += 1
            del moved[home]
        return count

    async def _flush_news(self) -> None:
        news, self._news = _split(self._news)
        now = time.monotonic()
        words = [(session, session.reading.progress(session.sent, now)) for session in news]
        try:
            if FAULTS:
                await FAULTS.pause("ack_before_persist")
            await advance_readings(self._database, [progress for _, own in words for progress in own])
        except BaseException:
            self._news = news | self._news
            raise
        for session, own in words:
            session.reading.wrote(own)

    async def _look_for_doubted(self) -> None:
        doubted, self._doubted = _split(self._doubted)
        try:
            unknown = await unknown_readings(self._database, [one.identity.connection for one in doubted])
        except BaseException:
            self._doubted = doubted | self._doubted
            raise
        for session in doubted:
            if session.identity.connection in unknown:
                # Nothing that it acks would count. It comes back with a reading that is known.
                retry_ms = random.randrange(LOST_RETRY_MS)  # noqa: S311 - spread, not a secret
                session.socket.close(CloseCode.RESTART, f"retry_ms={retry_ms}")

    async def _flush_unused(self) -> None:
        unused, self._unused = _split(self._unused)
        try:
            await advance_readings(self._database, list(unused.values()))
        except BaseException:
            self._unused = unused | self._unused
            raise

    async def _flush_arrivals(self) -> None:
        arrivals, self._arrivals = _split(self._arrivals)
        try:
            await record_arrivals(
                self._database, self._gateway, [arrival for arrival, _ in arrivals.values()]
            )
        except BaseException:
            self._arrivals = arrivals | self._arrivals
            raise
        for _, session in arrivals.values():
            session.recorded = True
            if session.socket.closing:
                self._departures[session.identity.connection] = session.identity.terminal

    async def _flush_departures(self) -> None:
        departures, self._departures = _split(self._departures)
        try:
            await record_departures(self._database, [(own, conn) for conn, own in departures.items()])
        except BaseException:
            self._departures = departures | self._departures
            raise


def _statements(words: Sized) -> int:
    return -(-len(words) // WORDS_A_STATEMENT)


def _split(words: dict[K, V]) -> tuple[dict[K, V], dict[K, V]]:
    """The news that the next statement carries, and the rest for those behind it."""
    if len(words) <= WORDS_A_STATEMENT:
        return words, {}
    pairs = list(words.items())
    return dict(pairs[:WORDS_A_STATEMENT]), dict(pairs[WORDS_A_STATEMENT:])
