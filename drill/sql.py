"""Means of faults in PostgreSQL beside the pods, as its superuser: a statement, a lock that is held, sessions taken.

Knows asyncpg. Each thing is undone when its block is left.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from infra.local.postgres import Postgres
from infra.local.waiting import wait_until

WAIT_SECONDS = 60.0


def run(server: Postgres, *statements: str) -> list[object]:
    """Run statements one after the other; returns the first value of each."""

    async def work() -> list[object]:
        connection = await asyncpg.connect(server.url)
        try:
            return [await connection.fetchval(statement) for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(work())


def wait_for(server: Postgres, question: str) -> None:
    """Wait until a question is answered with true.

    Raises:
        TimeoutError: it is not after a minute.
    """
    if not wait_until(lambda: run(server, question) == [True], WAIT_SECONDS):
        raise TimeoutError(f"PostgreSQL did not say yes to: {question}")


@contextmanager
def sessions(server: Postgres, count: int, statement: str = "") -> Iterator[None]:
    """So many sessions are open, each in a transaction that has run the statement, if there is one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sessions", daemon=True)
    thread.start()

    async def begin() -> list["asyncpg.Connection[asyncpg.Record]"]:
        opened = []
        for _ in range(count):
            connection = await asyncpg.connect(server.url)
            opened.append(connection)
            if statement:
                await connection.execute("BEGIN")
                await connection.execute(statement)
        return opened

    async def end(opened: list["asyncpg.Connection[asyncpg.Record]"]) -> None:
        for connection in opened:
            await connection.close()

    try:
        opened = asyncio.run_coroutine_threadsafe(begin(), loop).result(WAIT_SECONDS)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(end(opened), loop).result(WAIT_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def holding(server: Postgres, statement: str) -> Iterator[None]:
    """One transaction has run the statement and stays open."""
    with sessions(server, 1, statement):
        yield
