"""Connections at hand: most statements need no visit to the pool, and no ended one is ever asked."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from backbone.eventlog import idle_connections
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")

NAME = "test-at-hand"
_MINE = "SELECT pg_backend_pid() AS pid"
_END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1"


@pytest.fixture
async def held(database_url: str, redis_url: str) -> AsyncIterator[Database]:
    settings = load_settings(PodSettings, database_url=database_url, redis_url=redis_url)
    database = await open_database(settings, size=2, application=NAME)
    yield database
    await database.close()


async def backend(database: Database) -> int:
    row = await database.fetch_row(_MINE)
    assert row is not None
    return int(row["pid"])


async def test_statement_after_statement_has_the_same_connection_and_it_stays_out_of_the_pool(
    held: Database,
) -> None:
    first = await backend(held)
    for _ in range(20):
        assert held._pool.get_idle_size() == 0
        assert await backend(held) == first


async def test_no_more_statements_run_at_once_than_there_are_connections(held: Database) -> None:
    rows = await asyncio.gather(*(held.fetch("SELECT pg_sleep(0.02), pg_backend_pid()") for _ in range(12)))
    assert len({row[0]["pg_backend_pid"] for row in rows}) == 2


async def test_one_that_ended_while_nobody_used_it_is_replaced_and_nobody_notices(
    held: Database, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(5):
        ended = await backend(held)
        await database.execute(_END.replace("$1", f"'{NAME}'"))
        # Its end is here when the loop has come round to reading it.
        await asyncio.sleep(0.2)
        assert await backend(held) != ended


async def test_a_statement_that_was_given_up_leaves_nothing_for_the_next(held: Database) -> None:
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await held.fetch("SELECT pg_sleep(5)")
        rows = await asyncio.gather(*(backend(held) for _ in range(4)))
        assert len(set(rows)) <= 2
    with pytest.raises(asyncpg.DivisionByZeroError):
        await held.fetch("SELECT 1 / 0")
    assert await backend(held)


async def test_what_is_at_hand_goes_back_to_its_pool_now_and_then(
    held: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_connections, "HOLD_SECONDS", 0.05)
    await asyncio.gather(*(held.fetch("SELECT pg_sleep(0.02)") for _ in range(2)))
    assert held._pool.get_idle_size() == 0
    for _ in range(100):
        await asyncio.sleep(0.05)
        if held._pool.get_idle_size() == 2:
            return
    raise AssertionError("the pool has nothing back after 5 s")
