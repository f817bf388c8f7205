"""Keep the figures of PostgreSQL itself, as a pod's role may see them: one statement in a quarter of a minute."""

import asyncio
import contextlib

from api import metrics
from api.db.server_state import read_server_state
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 15.0


async def watch_server_state(database: Database) -> None:
    """Ask for ever; ends by cancellation only. While PostgreSQL is away the last figures stand."""
    while True:
        with contextlib.suppress(Unavailable):
            await look_once(database)
        await asyncio.sleep(EVERY_SECONDS)


async def look_once(database: Database) -> None:
    """Ask once, and say so.

    Raises:
        Unavailable: PostgreSQL.
    """
    state = await read_server_state(database)
    metrics.STANDBYS.set(state.standbys)
    metrics.SYNC_WANTED.set(state.sync_wanted)
    metrics.SYNC_WAITS.set(state.sync_waits)
    metrics.PARTITION_DAYS.set(state.partition_days)
    metrics.DATABASE_BYTES.set(state.database_bytes)
    metrics.SESSIONS.set(state.sessions)
    metrics.SESSIONS_MOST.set(state.sessions_most)
