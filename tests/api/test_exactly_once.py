"""Under crash and concurrency: each order once, no card overspent; what is long has the promise's own sizes."""

import asyncio
import os
import random
import signal
import uuid
from collections import Counter

import asyncpg
import httpx
import pytest

from api.db.audit import audit
from api.db.operator_keys import create_operator_key
from infra.local.pods import Pod
from tests.conftest import MakeDatabase, StartApiPod
from tests.shop import Operator, Shop
from tests.sizes import SIZES

ROUNDS = 40
CLIENTS = 24


@pytest.fixture(params=SIZES)
def full(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def insist(doors: list[Shop], key: str, name: str) -> httpx.Response:
    """Ask as a client does that must have its order: the same key again until there is an answer, at any pod."""
    for attempt in range(ROUNDS):
        try:
            response = await random.choice(doors).try_order(idempotency_key=key, customerName=name)
        except httpx.TransportError:
            await asyncio.sleep(0.05 * (attempt % 5))
            continue
        if response.status_code == 201:
            return response
        assert response.status_code in (409, 503), response.text
        await asyncio.sleep(0.1)
    raise AssertionError(f"no answer for {key}")


async def test_orders_with_retried_keys_over_two_pods_one_of_them_killed_are_each_there_once(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, full: bool
) -> None:
    count = 1000 if full else 400
    url = await migrated_database()
    pods: list[Pod] = [start_api_pod({"BELLWIRE_DATABASE_URL": url}, ready=False) for _ in range(2)]
    for pod in pods:
        pod.await_ready()
    keys = [uuid.uuid4().hex for _ in range(count)]
    # A fifth of the requests is a key that was sent before, in the midst of all others.
    requests = keys + random.sample(keys, count // 5)
    random.shuffle(requests)
    waiting = iter(requests)
    answers: dict[str, set[str]] = {key: set() for key in keys}
    done = 0
    async with (
        httpx.AsyncClient(base_url=pods[0].url, timeout=10) as first,
        httpx.AsyncClient(base_url=pods[1].url, timeout=10) as second,
    ):
        shop = await Operator(first, await create_operator_key(url)).open_shop()
        doors = [shop, shop.at(second)]

        async def client() -> None:
            nonlocal done
            for key in waiting:
                response = await insist(doors, key, key)
                answers[key].add(response.json()["orderId"])
                done += 1

        async def killer() -> None:
            while done < count // 3:
                await asyncio.sleep(0.005)
            os.kill(pods[1].pid, signal.SIGKILL)

        await asyncio.gather(killer(), *(client() for _ in range(CLIENTS)))
        assert {len(ids) for ids in answers.values()} == {1}
        events = await shop.events()
    placed = [event["data"]["customerName"] for event in events if event["type"] == "new_order"]
    assert Counter(placed) == Counter(keys)
    assert [event["offset"] for event in events] == [f"1-{n}" for n in range(1, count + 1)]
    connection = await asyncpg.connect(url)
    stored = await connection.fetch("SELECT order_id, customer_name FROM orders")
    await connection.close()
    assert {row["customer_name"]: {str(row["order_id"])} for row in stored} == answers
    assert len(stored) == count
    assert not [finding for finding in await audit(url) if finding.broken]


@pytest.mark.timeout(400)
async def test_no_card_is_overspent_by_any_number_of_tills_at_once(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, full: bool
) -> None:
    cards, tills = (50, 100) if full else (10, 60)
    url = await migrated_database()
    # All of them at once wait for one row: who comes late must be allowed to wait.
    settings = {"BELLWIRE_DATABASE_URL": url, "BELLWIRE_TENANT_WAIT_SECONDS": "10"}
    pods = [start_api_pod(settings, ready=False) for _ in range(2)]
    for pod in pods:
        pod.await_ready()
    async with (
        httpx.AsyncClient(base_url=pods[0].url, timeout=30, limits=httpx.Limits(max_connections=64)) as first,
        httpx.AsyncClient(
            base_url=pods[1].url, timeout=30, limits=httpx.Limits(max_connections=64)
        ) as second,
    ):
        shop = await Operator(first, await create_operator_key(url)).open_shop()
        # Devices of their own: what one of them has under way with cards counts as guesses until it is known right.
        devices = [await shop.add_terminal(f"till {n}") for n in range(tills // 4)]
        doors = [
            Shop(http, shop.slug, shop.storefront_key, shop.operator_key, [device])
            for device in devices
            for http in (first, second)
        ]
        for _ in range(cards):
            number = (await shop.sell_card(10))["cardNumber"]
            # Each takes 1.50 of 10.00: six may, and one cent more than the rest nobody.
            answers = await asyncio.gather(
                *(doors[n % len(doors)].redeem_card(number, 1.5) for n in range(tills))
            )
            assert Counter(answer.status_code for answer in answers) == {200: 6, 409: tills - 6}
            balances = sorted(answer.json()["balance"] for answer in answers if answer.status_code == 200)
            assert balances == [1.0, 2.5, 4.0, 5.5, 7.0, 8.5]
    assert not [finding for finding in await audit(url) if finding.broken]
