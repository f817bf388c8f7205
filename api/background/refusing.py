"""Keep the figure of webhook endpoints that refuse what comes next. All pods ask and export the same."""

import asyncio
import contextlib

from api.db.webhooks import count_refusing
from api.metrics import WEBHOOKS_REFUSING
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 5.0


async def watch_refusing_endpoints(database: Database) -> None:
    """Ask for ever; ends by cancellation only. While PostgreSQL is away the last figure stands."""
    while True:
        with contextlib.suppress(Unavailable):
            WEBHOOKS_REFUSING.set(await count_refusing(database))
        await asyncio.sleep(EVERY_SECONDS)
