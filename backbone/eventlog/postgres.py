"""A bounded pool of PostgreSQL connections that speaks in our voices.

Knows no statement of its own; the SQL stands above the functions that run
it. Every call is one round trip in autocommit and has a bound; what is away is `Unavailable`, never a hang.

Why: docs/decisions/0022-poolers.md
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from backbone.contract.errors import Unavailable
from backbone.eventlog.idle_connections import IdleConnections
from backbone.eventlog.known_types import KnownTypes
from backbone.eventlog.primary import Primary
from backbone.eventlog.schema_gate import SchemaGate
from backbone.runtime.metrics import POOL_WAIT_SECONDS, POOL_WAITS, STATEMENTS, adder
from backbone.runtime.outage import Outage
from backbone.runtime.places import Places
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.postgres")

# Server states in which the same statement may work in a moment, possibly on another server.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,  # a deadlock, a conflict: nothing was done
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,  # the pods' roles have not got theirs yet
    asyncpg.UndefinedTableError,  # the migrations have not run yet
    asyncpg.UndefinedFunctionError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a standby, asked for its write position
    asyncpg.InterfaceError,
)

# Errors of a schema that lacks something of ours.
_NOT_OURS = (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.UndefinedColumnError)

AWAY_HINT = (
    "what needs the database is answered with 503 until it is back: see that PostgreSQL runs, that its address and "
    "password are right, that the migrations were applied, and that this role has its privileges (role-settings)"
)
EPOCH_OVER = "BW001"
STATEMENTS_KEPT = 100
_count_statement = adder(STATEMENTS)


class EpochOver(Unavailable):
    """The database's history forked and the new epoch is not entered yet; nothing was written."""


Row = asyncpg.Record


async def _keep_session(_: object) -> None:
    """Give a connection back as it is: nothing here changes session state, so no second round trip resets it."""


class Database:
    """A pool. Made by `open_database`; opening works with the server away, the first statement then fails."""

    def __init__(
        self,
        pool: "asyncpg.Pool[Row]",
        size: int,
        acquire_seconds: float,
        gate: SchemaGate | None = None,
        name: str = "unnamed",
    ) -> None:
        """`name` is what its waits are counted under."""
        self._pool = pool
        self._served, self._refused = (POOL_WAITS.labels(name, each) for each in ("served", "refused"))
        self._waited = POOL_WAIT_SECONDS.labels(name)
        self._gate = gate
        self._idle_connections = IdleConnections(pool)
        # Counted here, so that only who has to wait pays for a bound: asyncpg's own takes a task a statement.
        self._places = Places(size)
        self._acquire_seconds = acquire_seconds
        self._outage = Outage(log, "postgres.unavailable", AWAY_HINT)

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        """Run one statement and return its rows.

        Raises:
            SchemaWaits: the schema is not the one of this version.
            Unavailable: no answer within the bound, no connection free, or the server cannot serve now.
        """
        connection: Any = None
        taken = False
        try:
            if not self._places.take_now():
                await self._wait_for_a_place()
            taken = True
            # Bounded by the time a connection may take to open: one is free.
            connection = await self._idle_connections.acquire()
            if self._gate is not None and not self._gate.is_open:
                await self._gate.check(connection)
            _count_statement(1.0)
            rows: Sequence[Row] = await connection.fetch(sql, *args)
            self._idle_connections.put_back(connection)
            connection = None
            if self._outage.going_on:
                self._outage.worked()
            return rows
        except _AWAY as exc:
            self._doubt(exc)
            if isinstance(exc, asyncpg.InterfaceError) and isinstance(exc, ValueError):
                raise  # asyncpg could not encode an argument: a bug of ours, and nothing is away
            # Its name only: a server's message can quote values of the statement.
            self._outage.met(error=type(exc).__name__)
            raise Unavailable("PostgreSQL") from exc
        except asyncpg.InternalClientError as exc:
            # The server has said goodbye to an idle connection whose end has not arrived yet; asyncpg refused to send
            # anything on it. Not for the pool any more.
            self._outage.met(error=type(exc).__name__)
            if connection is not None:
                connection.terminate()
                connection = None  # its pool has it back by that
            raise Unavailable("PostgreSQL") from exc
        except asyncpg.PostgresError as exc:
            self._doubt(exc)
            if exc.sqlstate == EPOCH_OVER:
                raise EpochOver("The newest history") from exc
            raise
        finally:
            try:
                if connection is not None:
                    await self._idle_connections.release(connection)
            finally:
                if taken:
                    self._places.give_back()

    async def _wait_for_a_place(self) -> None:
        began, outcome = time.monotonic(), self._refused
        try:
            async with asyncio.timeout(self._acquire_seconds):
                await self._places.take()
            outcome = self._served
        finally:
            outcome.inc()
            self._waited.inc(time.monotonic() - began)

    def _doubt(self, exc: Exception) -> None:
        if self._gate is not None and isinstance(exc, _NOT_OURS):
            self._gate.doubt()

    async def fetch_row(self, sql: str, *args: Any) -> Row | None:
        """Run one statement and return its first row, or None. Raises as `fetch`."""
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def warm(self, connections: int) -> None:
        """Open some connections ahead of the first statements, which would otherwise pay for that.

        Best effort: with the server away, the statements will tell.
        """
        await asyncio.gather(
            *(self.fetch("SELECT pg_sleep(0.01)") for _ in range(connections)), return_exceptions=True
        )

    async def close(self) -> None:
        """Close every connection; those that do not end within 2 s are cut."""
        try:
            async with asyncio.timeout(2):
                await self._idle_connections.close()
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


def session_settings(timeout_seconds: float) -> dict[str, str]:
    """The settings of every session of ours, given by the pod at its connect or by the role (behind a pooler)."""
    return {
        "synchronous_commit": "on",
        "timezone": "UTC",
        "statement_timeout": str(int(timeout_seconds * 1000)),
        "lock_timeout": str(int(timeout_seconds * 1000 / 2)),
        "idle_in_transaction_session_timeout": "5000",
    }


async def open_database(
    settings: PodSettings, *, size: int, application: str, gate: SchemaGate | None = None
) -> Database:
    """Open a pool of at most `size` connections. Does not connect yet. With a gate, nothing is sent to a schema that is
    not ours.
    """
    primary = Primary(str(settings.database_url), settings.database_connect_seconds)
    # A pooler in transaction mode keeps neither a session's settings nor its prepared statements.
    pooled = settings.database_pooler
    session = {} if pooled else session_settings(settings.database_timeout_seconds)
    pool = await asyncpg.create_pool(
        min_size=0,
        max_size=size,
        connect=primary.connect,
        connection_class=KnownTypes,
        command_timeout=settings.database_timeout_seconds,
        reset=_keep_session,
        server_settings={"application_name": application, **session},
        statement_cache_size=0 if pooled else STATEMENTS_KEPT,
    )
    name = application.partition("@")[0].removeprefix("bellwire-")
    return Database(pool, size, settings.database_timeout_seconds, gate, name)
