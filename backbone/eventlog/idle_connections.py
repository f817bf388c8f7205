"""Connections that stay open between statements, so that most statements cost neither a visit to the pool nor a task.

Knows asyncpg's pool, which stays the owner: every `HOLD_SECONDS` the idle ones go back to it for a moment, so
that it goes on closing those that are idle or worn. A connection that failed in any way is given back at once.

Why: docs/decisions/0077-cost-of-an-order.md
"""

import asyncio
import logging
from typing import Any

import asyncpg

log = logging.getLogger("bellwire.postgres")

HOLD_SECONDS = 5.0
RELEASE_SECONDS = 1


class IdleConnections:
    """The connections of one pool that no statement uses at the moment. Their number is the caller's to bound."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._connections: list[Any] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._releases: set[asyncio.Task[None]] = set()

    async def acquire(self) -> Any:
        """Return a connection that is open, as far as one can tell. Raises what asyncpg does when it opens one."""
        while self._connections:
            connection = self._connections.pop()
            if _is_open(connection):
                return connection
            await self.release(connection)
        return await self._pool.acquire()

    def put_back(self, connection: Any) -> None:
        """Keep a connection whose statement ended well."""
        self._connections.append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._give_back)

    async def release(self, connection: Any) -> None:
        """Give a connection back to the pool, whatever became of it."""
        # Shielded (by asyncpg) and bounded: a cancelled caller must not take a connection of the pool with it.
        try:
            await self._pool.release(connection, timeout=RELEASE_SECONDS)
        except asyncpg.InternalClientError:
            # It ended in the same moment, and by that its place in the pool was free already.
            log.info("postgres.ended_in_release")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()

    async def close(self) -> None:
        """Give everything back."""
        if self._sweep is not None:
            self._sweep.cancel()
        self._give_back()
        await asyncio.gather(*self._releases, return_exceptions=True)

    def _give_back(self) -> None:
        self._sweep = None
        while self._connections:
            task = asyncio.create_task(self.release(self._connections.pop()), name="give-back")
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False  # it ended, and its pool has it back by that
