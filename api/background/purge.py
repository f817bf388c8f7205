"""Take the rows of deleted test tenants away, a batch at a time, with a pause behind each.

Any number of pods may do it at once: a tenant is one pod's at a time.
"""

import asyncio
import logging

from api.db.tenants import purge_tenant, tenants_to_purge
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

log = logging.getLogger("bellwire.purge")

EVERY_SECONDS = 5.0
PAUSE_SECONDS = 0.05
BATCH_ROWS = 1000
TENANTS_AT_ONCE = 20


async def purge_deleted_tenants(database: Database) -> None:
    """Do it for ever; ends by cancellation only. While PostgreSQL is away it is tried again and again."""
    while True:
        try:
            await purge_once(database)
        except Unavailable:
            log.debug("purge.put_off")
        await asyncio.sleep(EVERY_SECONDS)


async def purge_once(database: Database) -> None:
    """Bring those tenants to their end that are due for it.

    Raises:
        Unavailable: PostgreSQL; what is gone is gone.
    """
    for tenant in await tenants_to_purge(database, TENANTS_AT_ONCE):
        gone = 0
        while batch := await purge_tenant(database, tenant, BATCH_ROWS):
            gone += batch
            await asyncio.sleep(PAUSE_SECONDS)
        if gone:
            log.info("tenant.purged", extra={"tenant": tenant, "rows": gone})
