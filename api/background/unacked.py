"""Keep the figure of orders that no till has seen. All pods ask the same and export the same answer."""

import asyncio
import contextlib

from api.db.status import count_unacked_orders
from api.metrics import UNACKED_ORDERS
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 5.0


async def watch_unacked_orders(database: Database) -> None:
    """Ask for ever; ends by cancellation only. While PostgreSQL is away the last figure stands."""
    while True:
        with contextlib.suppress(Unavailable):
            UNACKED_ORDERS.set(await count_unacked_orders(database))
        await asyncio.sleep(EVERY_SECONDS)
