"""Raise `order_unacknowledged` for every online order that no till has acked in time, once each.

Every pod looks; PostgreSQL decides who gives an alarm. Nothing is remembered here, so no restart forgets one.

Why: docs/decisions/0052-alarms.md
"""

import asyncio
import random
from collections.abc import Callable

from api.db.alarms import alarm_order, unseen_orders
from api.metrics import count_committed
from backbone.contract.errors import Unavailable
from backbone.contract.event import Event
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 2.0
ALARMS_A_LOOK = 200


async def raise_alarms(database: Database, announce: Callable[[str, Event], None]) -> None:
    """Look for ever; ends by cancellation only. While PostgreSQL is away there is nothing to be said."""
    while True:
        try:
            given = await raise_alarms_once(database, announce)
        except Unavailable:
            given = 0
        if given < ALARMS_A_LOOK:
            await asyncio.sleep(EVERY_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret


async def raise_alarms_once(database: Database, announce: Callable[[str, Event], None]) -> int:
    """Look once; returns how many alarms were given here.

    Raises:
        Unavailable: PostgreSQL; what was given is announced.
    """
    given = 0
    for tenant, order_id in await unseen_orders(database, ALARMS_A_LOOK):
        event = await alarm_order(database, tenant, order_id)
        if event is not None:
            announce(tenant, event)
            count_committed(event.type)
            given += 1
    return given
