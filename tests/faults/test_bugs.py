"""The cost of a bug at a bad moment: a connection, never a silent hole, never an ack."""

import asyncio
import random
import time
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg

from backbone.contract.event_filter import EVERYTHING
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import open_database
from backbone.eventlog.readings import NewReading, begin_readings
from backbone.runtime.client import NOBODY
from backbone.runtime.settings import PodSettings, load_settings
from bellwire.verify.judge import judge
from bellwire.verify.notes import Listed, Notes, parse
from bellwire.verify.till import Telemetry, digest
from bellwire.verify.websocket import WebSocketTill
from gateway.rooms.session import Identity, Session
from gateway.rooms.write_behind import WriteBehind
from tests.api.footprint import acked
from tests.conftest import StartApiPod, StartGateway
from tests.gateway.till import open_till
from tests.shop import Shop, bearer


async def test_a_bug_in_the_middle_of_a_fan_out_costs_connections_and_leaves_no_hole(
    shop: Shop, start_gateway: StartGateway
) -> None:
    pod = start_gateway({"BELLWIRE_FAULT": "mid_send:raise:0.2,appended:raise:0.1"})
    telemetry = Telemetry()
    for name in ("second", "third"):
        await shop.add_terminal(name)
    tills = [
        WebSocketTill(pod.url, shop.slug, each.key, each.name, telemetry, random.Random(each.name))
        for each in shop.terminals
    ]
    tasks = [asyncio.create_task(till.run()) for till in tills]
    try:
        async with asyncio.timeout(60):
            for till in tills:
                await till.ready.wait()
            for _ in range(40):
                await shop.order()
            while not all(parse(till.notes.position or "0")[1] == 40 for till in tills):
                await asyncio.sleep(0.1)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    listed = [
        Listed(each["offset"], each["tenant"], each["type"], digest(each), each["data"])
        for each in await shop.events()
    ]
    notes = Notes(terminals=[till.notes for till in tills], listed={shop.slug: listed})
    # The orders were placed without the checker's keys; only what came to the terminals is judged here.
    assert [found for found in judge(notes) if "explains" not in found.text] == []
    assert telemetry.connections > len(tills), "no fault was had"


async def test_a_bug_before_acks_are_stored_loses_no_ack(
    shop: Shop, start_gateway: StartGateway, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = start_gateway({"BELLWIRE_FAULT": "ack_before_persist:raise:0.6"})
    terminal = shop.terminals[0]
    async with open_till(pod, shop.slug, terminal.key) as till:
        for seq in range(1, 4):
            await shop.order()
            await till.has(seq)
            await till.say(type="ack", offset=f"1-{seq}")
            async with asyncio.timeout(60):
                while await acked(database, terminal.terminal_id) != (1, seq):
                    await asyncio.sleep(0.1)


async def test_an_ack_that_is_being_stored_when_the_pod_is_told_to_stop_is_stored(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", database_url: str, redis_url: str
) -> None:
    await shop.order()
    own = UUID(shop.terminals[0].terminal_id)
    settings = load_settings(PodSettings, database_url=database_url, redis_url=redis_url)
    pool = await open_database(settings, size=2, application="test-write-behind")
    write_behind = WriteBehind(pool, "a-gateway")
    reading = uuid4()
    client = NewReading(reading, own, shop.slug, "websocket", NOBODY, EVERYTHING, Offset(1, 0), named=True)
    await begin_readings(pool, "a-gateway", [client])
    nobody = cast("Any", None)
    room = cast("Any", SimpleNamespace(log=SimpleNamespace(epoch=1)))
    session = Session(Identity(own, reading), nobody, room, nobody, nobody, 0)
    session.position = 1
    session.reading.ack(1, time.monotonic())
    write_behind.acked(session)
    try:
        await interrupted(write_behind, database, own)
        await write_behind.flush()
    finally:
        await pool.close()
    assert await acked(database, str(own)) == (1, 1)


async def interrupted(
    write_behind: WriteBehind, database: "asyncpg.Connection[asyncpg.Record]", own: UUID
) -> None:
    """A flush that waits for the terminal's row, and is cancelled then."""
    async with database.transaction():
        await database.execute("SELECT 1 FROM terminals WHERE terminal_id = $1 FOR UPDATE", own)
        task = asyncio.create_task(write_behind.flush())
        while not await database.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_bug_between_commit_and_answer_is_500_and_the_same_key_tells_the_truth(
    shop: Shop, start_api_pod: StartApiPod
) -> None:
    pod = start_api_pod({"BELLWIRE_FAULT": "after_commit:raise:0.5"})
    for number in range(10):
        statuses = []
        while 201 not in statuses:
            body = {
                "orderType": "pickup",
                "customerName": f"guest {number}",
                "items": [{"name": "Tea", "quantity": 1, "unitPrice": 2}],
            }
            headers = bearer(shop.storefront_key) | {"Idempotency-Key": f"bug-{number}"}
            response = await shop.http.post(f"{pod.url}/api/tenant/orders/create", json=body, headers=headers)
            assert response.status_code in (201, 500)
            statuses.append(response.status_code)
    names = [event["data"]["customerName"] for event in await shop.events()]
    assert names == [f"guest {number}" for number in range(10)]
