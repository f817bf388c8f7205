"""A statement whose server goes: one voice, `Unavailable`, and never a bug's."""

import asyncio
from collections import Counter

import asyncpg

from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import open_database
from backbone.runtime.settings import PodSettings, load_settings


async def test_a_statement_that_meets_the_last_words_of_its_server_finds_it_unavailable(
    database_url: str, redis_url: str
) -> None:
    # A server that ends says so on an idle connection, and hangs up a moment later; a statement may come in between.
    settings = load_settings(PodSettings, database_url=database_url, redis_url=redis_url)
    database = await open_database(settings, size=4, application="test-last-words")
    owner = await asyncpg.connect(database_url)
    met: Counter[str] = Counter()

    async def ask_for_ever() -> None:
        while True:
            try:
                await database.fetch("SELECT 1")
                met["answer"] += 1
            except Unavailable:
                met["unavailable"] += 1

    asking = [asyncio.create_task(ask_for_ever()) for _ in range(8)]
    try:
        for _ in range(60):
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-last-words'"
            )
            await asyncio.sleep(0.005)
            for task in asking:
                if task.done():
                    task.result()
        assert met["answer"]
        assert met["unavailable"]
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await owner.close()
        await database.close()
