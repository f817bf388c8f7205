"""One connection for a command, whose failures are sentences for the person who typed it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg

from backbone.contract.errors import BellwireError, Unavailable
from backbone.eventlog.addresses import check_database_url
from backbone.eventlog.primary import connect_once

CONNECT_SECONDS = 10

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class DatabaseTrouble(BellwireError):
    """The database is there and does not serve this command; the text says why and what to do."""


@contextlib.asynccontextmanager
async def command_session(
    database_url: str, *, writes: bool = True, **options: Any
) -> AsyncIterator[Connection]:
    """A connection to the primary, or, for what only reads, to any server of the address.

    Raises:
        Unavailable: PostgreSQL.
        DatabaseTrouble: the address, the user, the database or its tables are not what they should be.
    """
    try:
        check_database_url(database_url)
    except ValueError as exc:
        raise DatabaseTrouble(f"BELLWIRE_DATABASE_URL (--database-url): {exc}.") from exc
    try:
        if writes:
            connection = await connect_once(database_url, CONNECT_SECONDS, **options)
        else:
            connection = await asyncpg.connect(database_url, timeout=CONNECT_SECONDS, **options)
        try:
            yield connection
        finally:
            await connection.close(timeout=2)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as exc:
        raise DatabaseTrouble(f"PostgreSQL lets nobody in by this address: {exc}.") from exc
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as exc:
        raise DatabaseTrouble(
            f"The database does not have what this version needs ({exc}): run `bellwire migrate` first."
        ) from exc
    except asyncpg.InsufficientPrivilegeError as exc:
        raise DatabaseTrouble(f"The user of this address may not do that: {exc}.") from exc
    except (
        OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError, asyncpg.LockNotAvailableError, asyncpg.ReadOnlySQLTransactionError,
        asyncpg.InternalClientError,
    ) as exc:  # fmt: skip
        raise Unavailable("PostgreSQL") from exc
