"""Keep the event log in days: make those to come, drop those past retention, forget what is too old.

Each pod does it at its start and hourly. No pod leads: everything here may happen twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from api.db import upkeep
from api.db.webhook_attempts import forget_attempts
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

log = logging.getLogger("bellwire.housekeeping")

EVERY_SECONDS = 3600.0
RETRY_SECONDS = 10.0
DAYS_AHEAD = 8
IDEMPOTENCY_DAYS = 7
AUDIT_DAYS = 400
ADDRESS_DAYS = 30
BATCH_ROWS = 5000
BATCHES_AN_HOUR = 1000


async def keep_house(database: Database, retention_days: int) -> None:
    """Do it for ever; ends by cancellation only. While PostgreSQL is away it is tried every 10 s."""
    while True:
        try:
            await keep_house_once(database, retention_days, datetime.now(UTC))
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await asyncio.sleep(EVERY_SECONDS)


async def keep_house_once(database: Database, retention_days: int, now: datetime) -> None:
    """Do it once.

    Raises:
        Unavailable: PostgreSQL; what was done stays done.
    """
    today = now.astimezone(UTC).date()
    await upkeep.ensure_partitions(database, today - timedelta(days=1), DAYS_AHEAD + 2)
    dropped = await upkeep.drop_partitions(database, today - timedelta(days=retention_days))
    keys = await _in_batches(lambda: upkeep.forget_idempotency_keys(database, IDEMPOTENCY_DAYS, BATCH_ROWS))
    acks = await _in_batches(lambda: upkeep.forget_acks(database, retention_days, BATCH_ROWS))
    await _in_batches(lambda: upkeep.forget_tickets(database, BATCH_ROWS))
    await _in_batches(lambda: upkeep.forget_audit(database, AUDIT_DAYS, BATCH_ROWS))
    await _in_batches(lambda: upkeep.forget_coverage(database, retention_days, BATCH_ROWS))
    await _in_batches(lambda: upkeep.forget_receipts(database, retention_days, BATCH_ROWS))
    readings = await _in_batches(lambda: upkeep.forget_readings(database, retention_days, BATCH_ROWS))
    await _in_batches(lambda: forget_attempts(database, BATCH_ROWS))
    await _in_batches(lambda: upkeep.blank_addresses(database, ADDRESS_DAYS, BATCH_ROWS))
    log.info(
        "housekeeping.done",
        extra={
            "days_dropped": dropped,
            "keys_forgotten": keys,
            "acks_forgotten": acks,
            "readings_forgotten": readings,
        },
    )


async def _in_batches(step: Callable[[], Awaitable[int]]) -> int:
    total = 0
    for _ in range(BATCHES_AN_HOUR):
        gone = await step()
        total += gone
        if gone < BATCH_ROWS:
            break
    return total
