"""Keep the figure of orders that no till has seen. All pods ask the same and export the same answer."""

import asyncio
import contextlib

from api.db.status import count_unseen_orders
from api.metrics import UNACKED_ORDERS, UNSEEN_ORDERS, UNSEEN_SHOPS
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 5.0


async def watch_unacked_orders(database: Database) -> None:
    """Ask for ever; ends by cancellation only. While PostgreSQL is away the last figure stands."""
    while True:
        with contextlib.suppress(Unavailable):
            unseen = await count_unseen_orders(database)
            UNACKED_ORDERS.set(unseen.fresh + unseen.old)
            UNSEEN_ORDERS.labels("fresh").set(unseen.fresh)
            UNSEEN_ORDERS.labels("old").set(unseen.old)
            UNSEEN_SHOPS.set(unseen.shops)
        await asyncio.sleep(EVERY_SECONDS)
