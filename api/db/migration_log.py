"""The table of applied migrations, and the lock that lets one run at a time write into it.

The lock ends with its transaction, so a pooler may stand between. It is tried and never waited for: a session that
waits inside PostgreSQL holds a snapshot, for which CREATE INDEX CONCURRENTLY of the one that has the lock would wait.
"""

from typing import Any, TypeAlias

import asyncpg

from api.db.migration_files import Migration
from backbone.eventlog.schema import APPLIED, TABLE_THERE, Listed, applied_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# The role may bring bounds along that are meant for pods.
UNBOUNDED = """
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL client_min_messages = warning;
"""

_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('bellwire.migrate', 0))"

# `phase` and `release` are read by pods and by the `migrate` of other releases, which do not have the file.
_TABLE = """
    CREATE TABLE schema_migrations (
        name       text PRIMARY KEY,
        checksum   bytea NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        phase      text,
        release    text
    )
"""
_WIDE = """
    SELECT count(*) = 2 FROM pg_attribute
    WHERE attrelid = 'schema_migrations'::regclass AND attname IN ('phase', 'release') AND NOT attisdropped
"""
_WIDEN = "ALTER TABLE schema_migrations ADD COLUMN phase text, ADD COLUMN release text"

_REMEMBER = "INSERT INTO schema_migrations (name, checksum, phase, release) VALUES ($1, $2, $3, $4)"

_RENAME = "UPDATE schema_migrations SET name = $2 WHERE name = $1"


def begin(connection: Connection) -> Any:
    """A transaction that keeps no snapshot between statements, whatever the database's default is."""
    return connection.transaction(isolation="read_committed")


async def try_lock(connection: Connection) -> bool:
    """Inside a transaction: lift the role's bounds, and take the lock unless another run has it."""
    await connection.execute(UNBOUNDED)
    return bool(await connection.fetchval(_TRY_LOCK))


async def drop_snapshot(connection: Connection) -> None:
    """Inside a transaction: end the last statement's portal, which keeps its snapshot until then."""
    await connection.execute("SET LOCAL client_min_messages = warning")


async def read(connection: Connection) -> dict[str, Listed]:
    """Return what is applied; nothing where there is no table yet. Changes nothing."""
    if not await connection.fetchval(TABLE_THERE):
        return {}
    return applied_of(await connection.fetch(APPLIED))


async def make_ready(connection: Connection) -> None:
    """With the lock: make the table, or add the columns that one of release 0.1.0 lacks."""
    if not await connection.fetchval(TABLE_THERE):
        await connection.execute(_TABLE)
    elif not await connection.fetchval(_WIDE):
        await connection.execute(_WIDEN)


async def remember(connection: Connection, migration: Migration) -> None:
    """Note that a file is applied."""
    await connection.execute(
        _REMEMBER, migration.name, migration.checksum, migration.phase.value, str(migration.release)
    )


async def rename(connection: Connection, old: str, new: str) -> None:
    """Note that an applied file has another name now."""
    await connection.execute(_RENAME, old, new)
