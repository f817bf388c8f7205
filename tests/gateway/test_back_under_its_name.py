"""A gateway that was killed and is back under its name at once says itself that its tills are gone.

Of two that live under one name the newer one has it, and the older one gives way.
"""

import asyncio
import signal
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from infra.local.pods import Pod
from infra.local.waiting import wait_until
from tests.conftest import StartGateway, gateway_of
from tests.gateway.till import open_till
from tests.shop import Shop, bearer

SECONDS = 60.0
LEASE = "SELECT renewed_at FROM gateways WHERE gateway = $1"
READINGS = "SELECT * FROM readings WHERE tenant = $1 ORDER BY no, stretch"
HEARD = "SELECT sampled_at > (SELECT max(began_at) FROM readings WHERE tenant = $2) FROM pod_samples WHERE pod = $1"
ROWS = "SELECT count(*) FROM terminals WHERE tenant = $1 AND connection_id IS NOT NULL"


@pytest.fixture
def own_pod(start_gateway: StartGateway) -> Pod:
    """A gateway of this test's own."""
    return start_gateway({})


async def status_of(shop: Shop) -> dict[str, Any]:
    answer = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    status: dict[str, Any] = answer.json()
    return status


async def connections_of(shop: Shop) -> list[dict[str, Any]]:
    path = shop.path(f"terminals/{shop.terminals[0].terminal_id}/connections")
    answer = await shop.http.get(path, headers=bearer(shop.storefront_key))
    connections: list[dict[str, Any]] = answer.json()["connections"]
    return connections


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
        async with asyncio.timeout(20):
            while not await database.fetchval(HEARD, own_pod.name, shop.slug):
                await asyncio.sleep(0.05)
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
        # Known with the first figures of the new process.
        async with asyncio.timeout(20):
            while (connection := (await connections_of(shop))[0])["to"] is None:
                await asyncio.sleep(0.05)
        ended = datetime.fromisoformat(connection["to"])
        assert (
            datetime.fromisoformat(connection["from"]) <= ended < await database.fetchval(LEASE, own_pod.name)
        )
    await asyncio.to_thread(own_pod.await_ready)
    async with open_till(own_pod, shop.slug, shop.terminal_key):
        await until_recorded(database, shop, 1)
        assert (await status_of(shop))["acceptingOrders"]
        newest, _ = await connections_of(shop)
        assert newest["to"] is None


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


async def test_of_two_processes_under_one_name_the_older_one_gives_way_until_the_newer_one_is_gone(
    own_pod: Pod, pod_env: dict[str, str], shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    newer = gateway_of(own_pod.name, pod_env, [])
    async with open_till(own_pod, shop.slug, shop.terminal_key) as first:
        await until_recorded(database, shop, 1)
        newer.start()
        try:
            await asyncio.to_thread(newer.await_ready)
            # The same terminal twice, and a head check that knows a gateway by its name cannot tell.
            async with open_till(newer, shop.slug, shop.terminal_key) as second:
                async with asyncio.timeout(SECONDS):
                    await first.closed()
                assert not await asyncio.to_thread(own_pod.is_ready)
                assert await asyncio.to_thread(newer.is_ready)
                placed = await shop.order()
                (event,) = await second.has(1)
                assert event["offset"] == placed["offset"]
                await until_recorded(database, shop, 1)
        finally:
            newer.stop(10)
    # It ended as it should, and took its word away.
    assert await asyncio.to_thread(wait_until, own_pod.is_ready, SECONDS)
    async with open_till(own_pod, shop.slug, shop.terminal_key):
        await until_recorded(database, shop, 1)
        assert (await status_of(shop))["acceptingOrders"]


async def test_a_gateway_that_was_frozen_gives_way_to_the_one_that_came_in_its_place_and_has_its_name_when_that_dies(
    own_pod: Pod, pod_env: dict[str, str]
) -> None:
    newer = gateway_of(own_pod.name, pod_env, [])
    own_pod.send(signal.SIGSTOP)
    newer.start()
    try:
        await asyncio.to_thread(newer.await_ready)
        own_pod.send(signal.SIGCONT)
        assert await asyncio.to_thread(wait_until, lambda: not own_pod.is_ready(), SECONDS)
        assert await asyncio.to_thread(newer.is_ready)
    finally:
        # Without a farewell.
        newer.stop(0)
    assert await asyncio.to_thread(wait_until, own_pod.is_ready, SECONDS)
