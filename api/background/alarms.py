"""Raise `order_unacknowledged` for every order that nobody who counts has seen in time, and end it when it is seen.

Every pod looks; PostgreSQL decides who gives an alarm. Nothing is remembered here, so no restart forgets one.

Why: docs/decisions/0103-alarms-repeat-and-end.md
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import orjson

from api.db.alarms import advance_alarm, due_alarms
from api.metrics import count_alarm, count_committed
from backbone.contract.errors import Unavailable
from backbone.contract.event import Event, EventType
from backbone.eventlog.postgres import Database, EpochOver
from backbone.runtime.crowd_log import CrowdLog
from backbone.runtime.faults import FAULTS

crowd_log = CrowdLog(logging.getLogger("bellwire.alarms"))

EVERY_SECONDS = 1.0
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
    """Look once; returns how many events were committed here: attempts, and ends of alarms.

    Raises:
        Unavailable: PostgreSQL; what was committed is announced.
    """
    given = 0
    for tenant, order_id in await due_alarms(database, ALARMS_A_LOOK):
        if FAULTS:
            await FAULTS.pause("before_alarm")
        try:
            event = await advance_alarm(database, tenant, order_id)
        except EpochOver:
            # This tenant's log waits for its next epoch; its neighbours' alarms do not.
            continue
        if event is not None:
            if FAULTS:
                await FAULTS.pause("after_alarm")
            announce(tenant, event)
            count_committed(tenant, event.type)
            data = orjson.loads(event.payload)["data"]
            count_alarm(tenant, event.type, data)
            _tell(tenant, event, data)
            given += 1
    return given


def _tell(tenant: str, event: Event, data: dict[str, Any]) -> None:
    facts = {
        "tenant": tenant, "order_id": data["orderId"], "order_number": data["orderNumber"],
        "offset": str(event.offset), "waited_seconds": data["waitedSeconds"],
    }  # fmt: skip
    if event.type == EventType.ORDER_UNACKNOWLEDGED.value:
        crowd_log.say("alarm.raised", attempt=data["attempt"], order_offset=data["orderOffset"], **facts)
    else:
        seen_by = (
            {"terminal": data["terminalId"]} if "terminalId" in data else {"endpoint": data["webhookId"]}
        )
        crowd_log.say("alarm.ended", attempts=data["attempts"], **seen_by, **facts)
