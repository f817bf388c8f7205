"""A gateway that was killed and is back under its name at once says itself that its tills are gone."""

import asyncio
from typing import Any

import asyncpg
import pytest

from infra.local.pods import Pod
from tests.conftest import StartGateway
from tests.gateway.till import open_till
from tests.shop import Shop, bearer

LEASE = "SELECT renewed_at FROM gateways WHERE gateway = $1"
READINGS = "SELECT * FROM readings WHERE tenant = $1 ORDER BY no, stretch"
ROWS = "SELECT count(*) FROM terminals WHERE tenant = $1 AND connection_id IS NOT NULL"


@pytest.fixture
def own_pod(start_gateway: StartGateway) -> Pod:
    """A gateway of this test's own."""
    return start_gateway({})


async def status_of(shop: Shop) -> dict[str, Any]:
    answer = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    status: dict[str, Any] = answer.json()
    return status


async def until_recorded(database: "asyncpg.Connection[asyncpg.Record]", shop: Shop, tills: int) -> None:
    async with asyncio.timeout(20):
        while await database.fetchval(ROWS, shop.slug) != tills:
            await asyncio.sleep(0.05)


async def kill_and_await_lease(database: "asyncpg.Connection[asyncpg.Record]", pod: Pod) -> None:
    """Kill a gateway, and wait until the process behind it has renewed the lease."""
    pod.kill()
    before = await database.fetchval(LEASE, pod.name)
    async with asyncio.timeout(60):
        while await database.fetchval(LEASE, pod.name) == before:
            await asyncio.sleep(0.05)


async def test_a_gateway_that_is_back_under_its_name_takes_no_order_for_the_tills_of_the_process_before(
    own_pod: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with open_till(own_pod, shop.slug, shop.terminal_key):
        await until_recorded(database, shop, 1)
        assert (await status_of(shop))["acceptingOrders"]
        await shop.order()
        lease = await database.fetchval(LEASE, own_pod.name)
        await kill_and_await_lease(database, own_pod)
        readings = await database.fetch(READINGS, shop.slug)
        status = await status_of(shop)
        assert (status["terminalsOnline"], status["acceptingOrders"], status["receivers"]) == (0, False, [])
        listed = await shop.http.get(shop.path("terminals"), headers=bearer(shop.storefront_key))
        (terminal,) = listed.json()["terminals"]
        assert not terminal["online"]
        last_seen = await database.fetchval("SELECT last_seen FROM terminals WHERE tenant = $1", shop.slug)
        assert lease <= last_seen < await database.fetchval(LEASE, own_pod.name)
        # How far its stream had come is not known: nothing is said of it.
        assert [reading["ended_at"] for reading in readings] == [None]
    await asyncio.to_thread(own_pod.await_ready)
    async with open_till(own_pod, shop.slug, shop.terminal_key):
        await until_recorded(database, shop, 1)
        assert (await status_of(shop))["acceptingOrders"]


async def test_a_till_that_is_elsewhere_by_then_stays_online(
    own_pod: Pod, gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with open_till(own_pod, shop.slug, shop.terminal_key):
        await until_recorded(database, shop, 1)
        async with open_till(gateway, shop.slug, shop.terminal_key) as till:
            async with asyncio.timeout(20):
                while not await database.fetchval(
                    "SELECT gateway = $2 FROM terminals WHERE tenant = $1", shop.slug, gateway.name
                ):
                    await asyncio.sleep(0.05)
            await kill_and_await_lease(database, own_pod)
            assert (await status_of(shop))["terminalsOnline"] == 1
            await till.say(type="ping")
            await till.until("pong")
