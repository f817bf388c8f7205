"""Read the numbers of loyalty accounts in the country that their shop was given, and of those that came up since.

Knows when, and whom to tell; what becomes of an account is the database's (`read_accounts`). A step is small and stands
for itself, so a pod may die anywhere.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from uuid import UUID

from api.db.account_numbers import (
    accounts_that_came_up,
    countries_due,
    next_accounts,
    note_read,
    read_accounts,
)
from backbone.contract.errors import Unavailable
from backbone.contract.event import Event
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 5.0

Announce = Callable[[str, Event], None]


async def read_account_numbers(database: Database, announce: Announce) -> None:
    """Do it for ever; while PostgreSQL is away, wait."""
    while True:
        with contextlib.suppress(Unavailable):
            await read_once(database, announce)
        await asyncio.sleep(EVERY_SECONDS)


async def read_once(database: Database, announce: Announce) -> None:
    """Do what there is to do now. Raises Unavailable."""
    for tenant, country in await countries_due(database):
        await read_shop(database, announce, tenant, country)
    for (tenant, country), accounts in (await accounts_that_came_up(database)).items():
        for event in await read_accounts(database, tenant, country, accounts):
            announce(tenant, event)


async def read_shop(
    database: Database, announce: Announce, tenant: str, country: str, seconds: float | None = None
) -> None:
    """Read all accounts of a tenant, or as many as `seconds` allow. Raises Unavailable."""
    until = None if seconds is None else time.monotonic() + seconds
    after = UUID(int=0)
    while accounts := await next_accounts(database, tenant, country, after):
        for event in await read_accounts(database, tenant, country, accounts):
            announce(tenant, event)
        after = accounts[-1].customer_id
        if until is not None and time.monotonic() > until:
            return
    # Another pod may have had some of them at that moment: they come with the next round.
    if not await next_accounts(database, tenant, country, UUID(int=0)):
        await note_read(database, tenant, country)
