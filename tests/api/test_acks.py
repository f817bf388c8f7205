"""Acks: a terminal's position only rises, and each rise leaves a receipt; through either door, in any order."""

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import httpx
import pytest

from backbone.contract.offset import Offset
from backbone.eventlog.acks import store_acks
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings
from tests.api.footprint import acked
from tests.conftest import OpenShop
from tests.shop import Shop, bearer


@pytest.fixture(scope="module")
async def pool(database_url: str, redis_url: str) -> AsyncIterator[Database]:
    settings = load_settings(PodSettings, database_url=database_url, redis_url=redis_url)
    database = await open_database(settings, size=8, application="test-acks")
    yield database
    await database.close()


async def ack(shop: Shop, offset: str) -> httpx.Response:
    return await shop.http.post(shop.path("acks"), json={"offset": offset}, headers=bearer(shop.terminal_key))


async def test_an_ack_is_stored_and_never_goes_back(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(3):
        await shop.order()
    terminal = shop.terminals[0].terminal_id
    for offset, stored in (("1-2", (1, 2)), ("1-1", (1, 2)), ("1-2", (1, 2)), ("1-3", (1, 3))):
        response = await ack(shop, offset)
        assert (response.status_code, response.content) == (204, b"")
        assert await acked(database, terminal) == stored
    receipts = await database.fetch(
        "SELECT acked_seq FROM terminal_acks WHERE terminal_id = $1 ORDER BY acked_seq", UUID(terminal)
    )
    assert [row["acked_seq"] for row in receipts] == [2, 3]


async def test_an_ack_later_than_the_head_hides_no_order_to_come(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", pool: Database
) -> None:
    await shop.order()
    terminal = shop.terminals[0].terminal_id
    assert (await ack(shop, "1-2")).status_code == 422
    for later in (Offset(1, 2), Offset(2, 1), Offset(1, 0)):
        await store_acks(pool, [(UUID(terminal), shop.slug, later)])
    assert await acked(database, terminal) is None


async def test_an_ack_for_another_tenant_is_passed_over(
    shop: Shop, open_shop: OpenShop, database: "asyncpg.Connection[asyncpg.Record]", pool: Database
) -> None:
    other = await open_shop()
    await shop.order()
    await other.order()
    foreign = other.terminals[0].terminal_id
    await store_acks(pool, [(UUID(foreign), shop.slug, Offset(1, 1))])
    assert await acked(database, foreign) is None


async def test_whatever_order_batches_of_many_pods_come_in_the_greatest_ack_stands(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", pool: Database
) -> None:
    for _ in range(8):
        await shop.add_terminal("till")
    for _ in range(10):
        await shop.order()
    terminals = [UUID(terminal.terminal_id) for terminal in shop.terminals]
    dice = random.Random(7)
    greatest = dict.fromkeys(terminals, 0)
    batches = []
    for _ in range(40):
        batch = [
            (terminal, shop.slug, Offset(1, dice.randint(1, 10)))
            for terminal in dice.choices(terminals, k=12)
        ]
        for terminal, _, offset in batch:
            greatest[terminal] = max(greatest[terminal], offset.seq)
        batches.append(batch)
    # Overlapping rows in any order, at once: nobody may fall into a deadlock.
    await asyncio.gather(*(store_acks(pool, batch) for batch in batches))
    for terminal, seq in greatest.items():
        assert await acked(database, str(terminal)) == (1, seq)


async def test_no_acks_are_no_statement(pool: Database) -> None:
    await store_acks(pool, [])
