"""A server that says goodbye is away, at whatever moment it says so: 503, never a fault of ours."""

import asyncio

import asyncpg

from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings

CONNECTIONS = 20
ROUNDS = 15
_END_ALL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'test-goodbye'
"""


async def test_a_connection_that_was_told_goodbye_while_it_was_idle_is_unavailable_and_then_replaced(
    database: "asyncpg.Connection[asyncpg.Record]", database_url: str, redis_url: str
) -> None:
    settings = load_settings(PodSettings, database_url=database_url, redis_url=redis_url)
    pool = await open_database(settings, size=CONNECTIONS, application="test-goodbye")

    async def after(turns: int) -> bool:
        # The moment in question is one turn of the loop long: the goodbye has been read, the end has not.
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            await pool.fetch("SELECT 1")
        except Unavailable:
            return False
        return True

    try:
        for _ in range(ROUNDS):
            await settled(pool)
            ending = asyncio.create_task(database.fetchval(_END_ALL))
            outcomes = await asyncio.gather(*(after(turns) for turns in range(0, 400, 4)))
            assert await ending > 0
            assert len(outcomes) == 100
        await settled(pool)
    finally:
        await pool.close()


async def settled(pool: Database) -> None:
    """Every connection of the pool works."""
    async with asyncio.timeout(30):
        while True:
            answers = await asyncio.gather(
                *(pool.fetch("SELECT pg_sleep(0.01)") for _ in range(CONNECTIONS)), return_exceptions=True
            )
            if not any(isinstance(answer, BaseException) for answer in answers):
                return
