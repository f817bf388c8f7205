"""Epochs of the log of record: notice that the database's history forked, and enter the new one.

Level-triggered: any pod that sees that the newest epoch is over calls `enter_epoch`, any number of them at once. Until
one has, nothing can be appended and no log's extent is told. See migrations/0009_epochs.sql, which decides.

Why: docs/decisions/0020-epochs.md
"""

import logging

from backbone.eventlog.postgres import Database
from backbone.runtime.metrics import LOG_EPOCH

log = logging.getLogger("bellwire.epochs")

_SETTLED = "SELECT settled_epoch() AS epoch"
_ENTER = "SELECT enter_epoch() AS epoch"


async def enter_epoch(database: Database) -> int:
    """Enter a new epoch if the newest one is over, and return the one that holds.

    Raises:
        Unavailable: PostgreSQL, or it is a standby.
    """
    row = await database.fetch_row(_ENTER)
    assert row is not None
    epoch: int = row["epoch"]
    LOG_EPOCH.set(epoch)
    log.warning("epoch.entered", extra={"epoch": epoch})
    return epoch


async def keep_settled(database: Database) -> None:
    """Ask whether the newest epoch still holds, and enter the next one if not.

    Raises:
        Unavailable: PostgreSQL, it is a standby, or it has not our schema.
    """
    row = await database.fetch_row(_SETTLED)
    assert row is not None
    if row["epoch"] is None:
        await enter_epoch(database)
    else:
        LOG_EPOCH.set(row["epoch"])
