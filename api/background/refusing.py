"""Keep the figures of webhook endpoints that refuse what comes next, or wait. All pods ask and export the same."""

import asyncio
import contextlib

from api.db.webhook_figures import count_refusing, waiting_webhooks
from api.metrics import WEBHOOKS_LATE_SECONDS, WEBHOOKS_REFUSING, WEBHOOKS_WAITING
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 5.0


async def watch_refusing_endpoints(database: Database) -> None:
    """Ask for ever; ends by cancellation only. While PostgreSQL is away the last figure stands."""
    while True:
        with contextlib.suppress(Unavailable):
            WEBHOOKS_REFUSING.set(await count_refusing(database))
            waiting = await waiting_webhooks(database)
            WEBHOOKS_WAITING.set(waiting.count)
            WEBHOOKS_LATE_SECONDS.set(max(0.0, waiting.late_seconds))
        await asyncio.sleep(EVERY_SECONDS)
