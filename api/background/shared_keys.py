"""Keep the figure of terminals whose key two devices use. All pods ask the same and export the same answer."""

import asyncio
import contextlib

from api.core.shared_key import is_shared
from api.db.shared_keys import held_connections, often_replaced
from api.metrics import SHARED_KEYS
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 5.0


async def watch_shared_keys(database: Database) -> None:
    """Ask for ever; ends by cancellation only. While PostgreSQL is away the last figure stands."""
    while True:
        with contextlib.suppress(Unavailable):
            SHARED_KEYS.set(await count_shared_keys(database))
        await asyncio.sleep(EVERY_SECONDS)


async def count_shared_keys(database: Database) -> int:
    """Count them once.

    Raises:
        Unavailable: PostgreSQL.
    """
    terminals = await often_replaced(database)
    held = await held_connections(database, terminals) if terminals else {}
    return sum(1 for connections, now in held.values() if is_shared(connections, now))
