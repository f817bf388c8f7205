"""Questions about an order that come at once are answered one after another, whichever pods they come through.

Two connections: what the first has asked is not committed yet when the second asks.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

from tests.shop import Shop
from tests.waiting import eventually

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
CLAIM = "SELECT outcome FROM claim_order($1, $2, $3, $4, 30, 2)"
FINISH = "SELECT outcome FROM finish_claim($1, $2, $3, 'print', 1)"
CANCEL = "SELECT outcome FROM step_order($1, NULL, NULL, $2, 'cancelled', ARRAY['pending'], NULL, NULL)"
WAITING = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"


@pytest.fixture
async def second(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def tills(shop: Shop) -> tuple[str, uuid.UUID, uuid.UUID]:
    """An order, and two terminals."""
    other = await shop.add_terminal("bar")
    return (
        (await shop.order())["orderId"],
        uuid.UUID(shop.terminals[0].terminal_id),
        uuid.UUID(other.terminal_id),
    )


async def outcome_behind(
    first: Connection, second: Connection, watcher: str, before: tuple[Any, ...], asked: tuple[Any, ...]
) -> str:
    """Ask `before` and, while that is not committed, `asked`; return what the second is answered when it is."""
    transaction = first.transaction()
    await transaction.start()
    await first.fetch(*before)
    question = asyncio.create_task(second.fetchval(*asked))
    look = await asyncpg.connect(watcher)
    try:
        pid = second.get_server_pid()
        await eventually(lambda: look.fetchval(WAITING, pid), lambda waits: bool(waits) or question.done())
    finally:
        await look.close()
    await transaction.commit()
    outcome: str = await question
    return outcome


async def test_of_two_that_claim_at_once_one_has_it(
    shop: Shop,
    tills: tuple[str, uuid.UUID, uuid.UUID],
    database: Connection,
    second: Connection,
    database_url: str,
) -> None:
    order, counter, bar = tills
    before, asked = (CLAIM, shop.slug, order, counter, "print"), (CLAIM, shop.slug, order, bar, "print")
    assert await outcome_behind(database, second, database_url, before, asked) == "held"


async def test_a_purpose_too_many_is_refused_though_it_comes_at_once_with_the_last_one(
    shop: Shop,
    tills: tuple[str, uuid.UUID, uuid.UUID],
    database: Connection,
    second: Connection,
    database_url: str,
) -> None:
    order, counter, bar = tills
    await database.fetch(CLAIM, shop.slug, order, counter, "label")
    before, asked = (CLAIM, shop.slug, order, counter, "print"), (CLAIM, shop.slug, order, bar, "invoice")
    assert await outcome_behind(database, second, database_url, before, asked) == "too_many"


async def test_a_claim_that_comes_at_once_with_a_cancelling_is_before_it_or_behind_it(
    shop: Shop,
    tills: tuple[str, uuid.UUID, uuid.UUID],
    database: Connection,
    second: Connection,
    database_url: str,
) -> None:
    order, counter, _ = tills
    before, asked = (CANCEL, shop.slug, order), (CLAIM, shop.slug, order, counter, "print")
    assert await outcome_behind(database, second, database_url, before, asked) == "wrong_step"


async def test_done_that_comes_at_once_with_another_holder_is_stale(
    shop: Shop,
    tills: tuple[str, uuid.UUID, uuid.UUID],
    database: Connection,
    second: Connection,
    database_url: str,
) -> None:
    order, counter, bar = tills
    await database.fetch(CLAIM, shop.slug, order, counter, "print")
    await database.execute("UPDATE order_claims SET expires_at = claimed_at WHERE order_id = $1", order)
    before, asked = (CLAIM, shop.slug, order, bar, "print"), (FINISH, shop.slug, order, counter)
    assert await outcome_behind(database, second, database_url, before, asked) == "stale"
