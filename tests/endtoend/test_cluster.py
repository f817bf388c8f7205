"""The whole walk through the load balancer, with a WebSocket client that is not ours; and what breaks on the way."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect

from infra.local.counters import read_total
from infra.local.pods import Pod
from infra.local.shops import Terminal
from tests.conftest import ROOT
from tests.endtoend.conftest import Town
from tests.gateway.till import Till, open_till
from tests.shop import bearer

pytestmark = pytest.mark.timeout(180)

KEY = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@asynccontextmanager
async def tills(town: Town) -> AsyncIterator[list[Till]]:
    """The kitchen's five tills, spread over the three gateways."""
    async with AsyncExitStack() as stack:
        gateways = town.cluster.gateways
        yield [
            await stack.enter_async_context(
                open_till(gateways[index % len(gateways)], town.kitchen.slug, terminal.key)
            )
            for index, terminal in enumerate(town.kitchen.terminals)
        ]


@asynccontextmanager
async def through_the_balancer(
    town: Town, tenant: str, terminal: Terminal, query: str = ""
) -> AsyncIterator[Till]:
    """A till that knows one address only."""
    url = f"{town.cluster.url.replace('http', 'ws', 1)}/ws/pos/{tenant}{query}"
    async with connect(url, additional_headers=bearer(terminal.key), compression=None, proxy=None) as socket:
        till = Till(socket)
        till.hello = await till.next()
        yield till


async def place(town: Town, count: int) -> list[str]:
    """Place orders that must all be accepted."""
    placed = []
    for number in range(count):
        response = await town.order(customerName=f"Guest {number}")
        assert response.status_code == 201, response.text
        placed.append(response.json()["offset"])
    return placed


async def test_200_orders_reach_five_tills_over_three_gateways_exactly_once_in_order_and_no_other_tenant(
    town: Town,
) -> None:
    async with (
        tills(town) as ours,
        through_the_balancer(town, "bistro", town.bistro.terminals[0]) as stranger,
    ):
        placed = await place(town, 200)
        for till in ours:
            await till.has(200)
            assert till.offsets == placed
        await stranger.silent(0.5)
    assert all(
        read_total([pod.url], "bellwire_gateway_deliveries_total") > 0 for pod in town.cluster.gateways
    )


async def test_a_shop_comes_back_to_the_same_gateway_through_the_balancer(town: Town) -> None:
    homes = set()
    for _ in range(6):
        async with through_the_balancer(town, "kitchen", town.kitchen.terminals[0]):
            homes.add(holder_of_sockets(town).name)
    assert len(homes) == 1


async def until_connected(pods: list[str], count: int) -> None:
    """Wait for less than the 20 s between two heartbeats."""
    async with asyncio.timeout(12):
        while await asyncio.to_thread(read_total, pods, "bellwire_gateway_connections") != count:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["sse/pos/kitchen", "ws/pos/kitchen"])
async def test_a_stream_that_its_till_ends_at_the_balancer_is_over_at_the_gateway_too(
    town: Town, way: str
) -> None:
    """And not when two heartbeats have been written to nobody, which takes up to 40 s."""
    pods = [pod.url for pod in town.cluster.gateways]
    upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{KEY}" if way.startswith("ws") else ""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(town.cluster.url).port)
    writer.write(
        f"GET /{way} HTTP/1.1\r\nHost: kitchen\r\n{upgrade}"
        f"Authorization: Bearer {town.kitchen.terminals[0].key}\r\n\r\n".encode()
    )
    async with asyncio.timeout(15):
        await reader.readuntil(b"caught_up")
    await until_connected(pods, 1)
    writer.close()
    await until_connected(pods, 0)


async def test_metrics_are_not_reachable_through_the_balancer(town: Town) -> None:
    assert (await town.http.get("/metrics")).status_code == 404
    assert (await town.http.get("/readyz")).status_code == 200


async def test_a_killed_valkey_costs_no_order_and_the_stream_goes_on(town: Town) -> None:
    valkey = town.cluster.own_valkey
    async with tills(town) as ours:
        placed = await place(town, 5)
        valkey.kill()
        placed += await place(town, 10)
        # They come while it is dead: it is started behind that.
        for till in ours:
            await till.has(15)
        valkey.start()
        placed += await place(town, 10)
        for till in ours:
            await till.has(25)
            assert till.offsets == placed


async def test_a_frozen_valkey_costs_no_order_and_the_stream_goes_on(town: Town) -> None:
    valkey = town.cluster.own_valkey
    async with tills(town) as ours:
        placed = await place(town, 3)
        valkey.send(signal.SIGSTOP)
        try:
            placed += await place(town, 10)
            for till in ours:
                await till.has(13)
        finally:
            valkey.send(signal.SIGCONT)
        placed += await place(town, 5)
        for till in ours:
            await till.has(18)
            assert till.offsets == placed


async def test_a_flushed_valkey_loses_nothing(town: Town) -> None:
    async with tills(town) as ours:
        placed = []
        for _ in range(5):
            placed += await place(town, 5)
            await flush(town)
        for till in ours:
            await till.has(25)
            assert till.offsets == placed
    async with through_the_balancer(town, "kitchen", town.kitchen.terminals[0], "?after=0") as till:
        await till.until("caught_up")
        assert till.offsets[-25:] == placed


async def flush(town: Town) -> None:
    """FLUSHALL, spoken by hand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.cluster.own_valkey.port)
    writer.write(b"FLUSHALL\r\n")
    assert await reader.readline() == b"+OK\r\n"
    writer.close()
    await writer.wait_closed()


async def test_a_database_that_is_away_is_503_with_retry_after_and_comes_back_without_loss_or_double(
    town: Town,
) -> None:
    postgres = town.cluster.own_postgres
    async with tills(town) as ours:
        placed = await place(town, 3)
        postgres.kill()
        response = await town.order()
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert response.headers["content-type"] == "application/problem+json"
        assert (await town.http.get("/healthz")).status_code in (200, 503)
        for pod in town.cluster.pods:
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"{pod.url}/healthz")).status_code == 200
        await asyncio.to_thread(postgres.start)
        placed += await until_accepted(town)
        await until_steady(town)
        placed += await place(town, 3)
        for till in ours:
            await till.has(7)
            assert till.offsets == placed


async def until_accepted(town: Town) -> list[str]:
    """One order, retried with the same key as a good storefront does."""
    async with asyncio.timeout(30):
        while True:
            body = {
                "orderType": "pickup",
                "customerName": "Patience",
                "items": [{"name": "Tea", "quantity": 1, "unitPrice": 2}],
            }
            headers = bearer(town.kitchen.storefront_key) | {"Idempotency-Key": "the-same-one"}
            response = await town.http.post("/api/tenant/orders/create", json=body, headers=headers)
            if response.status_code == 201:
                return [response.json()["offset"]]
            assert response.status_code == 503, response.text
            await asyncio.sleep(0.2)


async def until_steady(town: Town) -> None:
    """The load balancer has looked at the pods since: a second without a refusal."""
    async with asyncio.timeout(30):
        answered = 0
        while answered < 10:
            response = await town.http.get("/api/whoami", headers=bearer(town.kitchen.storefront_key))
            answered = answered + 1 if response.status_code == 200 else 0
            await asyncio.sleep(0.1)


async def test_a_killed_gateway_is_nothing_to_bellwire_tail(town: Town) -> None:
    terminal = town.kitchen.terminals[0]
    (head,) = await place(town, 1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bellwire", "tail", "--url", town.cluster.url, "--json", "--count", "30", "--after", head,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        env={"BELLWIRE_KEY": terminal.key, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert process.stderr is not None
    while b"caught up" not in (line := await asyncio.wait_for(process.stderr.readline(), 30)):
        assert line, "it ended"
    placed = await place(town, 10)
    victim = holder_of_sockets(town)
    before = victim.pid
    victim.kill()
    placed += await place(town, 20)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert [json.loads(line)["offset"] for line in output.splitlines()] == placed
    async with asyncio.timeout(20):
        while victim.pid == before or not await asyncio.to_thread(victim.is_ready):
            await asyncio.sleep(0.1)


def holder_of_sockets(town: Town) -> Pod:
    """The gateway that holds the one terminal."""
    return max(town.cluster.gateways, key=lambda pod: read_total([pod.url], "bellwire_gateway_connections"))


async def test_an_api_pod_killed_in_the_middle_loses_and_doubles_nothing(town: Town) -> None:
    async with tills(town) as ours:
        victim = town.cluster.apis[0]
        keys = [f"kill-{number}" for number in range(60)]

        async def insist(key: str) -> str:
            headers = bearer(town.kitchen.storefront_key) | {"Idempotency-Key": key}
            body = {
                "orderType": "pickup",
                "customerName": key,
                "items": [{"name": "Tea", "quantity": 1, "unitPrice": 2}],
            }
            async with asyncio.timeout(30):
                while True:
                    try:
                        response = await town.http.post(
                            "/api/tenant/orders/create", json=body, headers=headers
                        )
                    except httpx.TransportError:
                        response = None
                    if response is not None and response.status_code == 201:
                        offset: str = response.json()["offset"]
                        return offset
                    await asyncio.sleep(0.1)

        work = [asyncio.create_task(insist(key)) for key in keys]
        await asyncio.sleep(0.1)
        victim.kill()
        accepted = await asyncio.gather(*work)
        assert len(set(accepted)) == len(keys)
        for till in ours:
            events = await till.has(len(keys))
            assert {event["data"]["customerName"] for event in events} == set(keys)
            assert sorted(till.offsets, key=seq_of) == till.offsets
            assert set(till.offsets) == set(accepted)
            await till.silent(0.3)
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(victim.is_ready):
            await asyncio.sleep(0.1)


def seq_of(offset: str) -> tuple[int, ...]:
    """An offset as numbers, to compare."""
    return tuple(int(part) for part in offset.split("-"))
