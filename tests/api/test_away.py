"""An API pod while PostgreSQL or Redis is away: Redis changes nothing, PostgreSQL is said."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
from redis.asyncio import Redis

from api.db.migrate import migrate
from api.db.operator_keys import create_operator_key
from backbone.eventlog.keys import live_channel, stream_key
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey
from tests.api.streams import stream_entries
from tests.conftest import MakeDatabase, StartApiPod
from tests.shop import Operator, Shop, bearer

FAILED = 'bellwire_events_published_total{outcome="failed"}'


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A Valkey that the test may kill."""
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that the test may kill."""
    server = Postgres()
    server.start()
    yield server
    server.stop()


async def statuses(shop: Shop) -> list[int]:
    """One of each kind of request, and what came of it."""
    order = await shop.try_order()
    card = await shop.sell_card(10)
    answers = [
        order,
        await shop.try_order(items=[]),
        await shop.step(order.json()["orderId"], "preparing"),
        await shop.redeem_card(card["cardNumber"], 4),
        await shop.redeem_card(card["cardNumber"], 40),
        await shop.change_points("5551234", "add", 5),
        await shop.change_points("5551234", "redeem", 6),
        await shop.poll(after="0"),
        await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key)),
        await shop.http.get("/readyz"),
    ]
    return [answer.status_code for answer in answers]


async def metric(http: httpx.AsyncClient, name: str) -> float:
    page = (await http.get("/metrics")).text
    return float(next(line for line in page.splitlines() if line.startswith(f"{name} ")).split()[-1])


async def test_no_redis_changes_no_status_code(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, shop: Shop
) -> None:
    # In the common database the pod would give the alarms of other tests' orders, and count them.
    url = await migrated_database()
    pod = start_api_pod(
        {"BELLWIRE_DATABASE_URL": url, "BELLWIRE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    )
    expected = await statuses(shop)
    async with httpx.AsyncClient(base_url=pod.url, timeout=10) as http:
        other = await Operator(http, await create_operator_key(url)).open_shop()
        assert await statuses(other) == expected
        assert await metric(http, "bellwire_redis_up") == 0
        assert await metric(http, "bellwire_postgres_up") == 1
        async with asyncio.timeout(10):
            while await metric(http, FAILED) < 5:
                await asyncio.sleep(0.05)
        assert await metric(http, FAILED) == 5
        assert len(await other.events()) == 5


async def test_a_frozen_redis_costs_a_storefront_nothing(
    start_api_pod: StartApiPod, own_valkey: Valkey, shop: Shop
) -> None:
    pod = start_api_pod({"BELLWIRE_REDIS_URL": own_valkey.url})
    async with httpx.AsyncClient(base_url=pod.url, timeout=10) as http:
        there = shop.at(http)
        await there.order()
        os.kill(own_valkey.pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            for _ in range(20):
                await there.order()
            assert time.monotonic() - started < 2
        finally:
            os.kill(own_valkey.pid, signal.SIGCONT)
        assert len(await there.events()) == 21


async def test_after_a_killed_redis_came_back_events_are_announced_again(
    start_api_pod: StartApiPod, own_valkey: Valkey, shop: Shop
) -> None:
    pod = start_api_pod({"BELLWIRE_REDIS_URL": own_valkey.url})
    async with httpx.AsyncClient(base_url=pod.url, timeout=10) as http:
        there = shop.at(http)
        own_valkey.kill()
        await there.order()
        own_valkey.start()
        async with Redis.from_url(own_valkey.url) as redis:
            for _ in range(50):
                await there.order()
                if await redis.exists(stream_key(shop.slug)):
                    return
                await asyncio.sleep(0.1)
    raise AssertionError("nothing was announced within 5 s")


async def test_a_pod_without_a_database_is_alive_not_ready_and_says_so(start_api_pod: StartApiPod) -> None:
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": f"postgresql://u@127.0.0.1:{free_port()}/d"}, ready=False)
    async with httpx.AsyncClient(
        base_url=pod.url, timeout=10, transport=httpx.AsyncHTTPTransport(retries=20)
    ) as http:
        assert (await http.get("/healthz")).status_code == 200
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
        kept = await http.get("/readyz?for=balancer")
        assert (kept.status_code, kept.json()["missing"]) == (404, ["PostgreSQL"])
        order = await Shop(http, "any", "bw_store_" + "A" * 43, "").try_order()
        assert (order.status_code, order.headers["retry-after"]) == (503, "1")
        assert order.json()["type"] == "urn:bellwire:problem:unavailable"


async def test_while_postgresql_is_away_writes_are_503_and_nothing_is_half_done(
    start_api_pod: StartApiPod, own_postgres: Postgres
) -> None:
    await migrate(own_postgres.url)
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": own_postgres.url})
    async with httpx.AsyncClient(base_url=pod.url, timeout=10) as http:
        shop = await Operator(http, await create_operator_key(own_postgres.url)).open_shop()
        await shop.order()
        waiting = asyncio.create_task(shop.poll(after="1-1", wait=20))
        await asyncio.sleep(0.3)
        own_postgres.kill()
        answers = [await shop.try_order(idempotency_key="retried") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        assert (await waiting).status_code == 503
        own_postgres.start()
        for _ in range(100):
            if (await http.get("/readyz")).status_code == 200:
                break
            await asyncio.sleep(0.1)
        retried = await shop.try_order(idempotency_key="retried")
        assert (retried.status_code, retried.json()["offset"]) == (201, "1-2")
        assert "idempotency-replayed" not in retried.headers
        assert [event["offset"] for event in await shop.events()] == ["1-1", "1-2"]


async def test_a_committed_event_is_on_its_stream_and_channel_as_it_was_stored(
    shop: Shop, redis_url: str
) -> None:
    async with Redis.from_url(redis_url) as redis, redis.pubsub() as heard:
        await heard.ssubscribe(live_channel(shop.slug))
        await heard.get_message(timeout=2)
        order = await shop.order()
        message = await heard.get_message(timeout=2)
        assert message is not None
        [(entry_id, payload)] = await stream_entries(redis_url, shop.slug)
        assert entry_id == order["offset"]
        assert message["data"].startswith(b"1-1 new_order ")
        assert message["data"].endswith(payload)
        assert payload in (await shop.poll(after="0")).content
        assert 0 < await redis.ttl(stream_key(shop.slug)) <= 86_400


async def test_a_replayed_answer_is_not_announced_again(shop: Shop, redis_url: str) -> None:
    for _ in range(3):
        await shop.try_order(idempotency_key="one")
    await shop.order()
    await asyncio.sleep(0.3)
    assert len(await stream_entries(redis_url, shop.slug)) == 2
