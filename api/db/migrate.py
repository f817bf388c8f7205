"""Bring a database to this version's schema: plain SQL files, in order, each once, each in one transaction.

Safe from any number of pods at once: an advisory lock that ends with its transaction (so PgBouncer may stand
between) lets one pod apply a file while the others wait. What was applied is checked by its SHA-256: a file
that was changed or taken away afterwards is refused.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from backbone.contract.errors import BellwireError, Unavailable
from backbone.eventlog.primary import connect_once

log = logging.getLogger("bellwire.migrate")

CONNECT_SECONDS = 10
TOTAL_SECONDS = 120


class MigrationRefused(BellwireError):
    """The database and the files of this version do not belong together; the text says why."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        """The SHA-256 of the file's text."""
        return hashlib.sha256(self.sql.encode()).digest()


def load_migrations() -> list[Migration]:
    """Return this version's files, in the order in which they apply."""
    folder = files("api.db") / "migrations"
    found = [
        Migration(file.name, file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.name)


async def migrate(database_url: str) -> list[str]:
    """Apply what is missing and return the names of the files that this call applied.

    Raises:
        MigrationRefused: an applied file was changed or is missing, or a new one would have to go in between.
        Unavailable: PostgreSQL, or the whole took more than 120 s.
    """
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            connection = await connect_once(database_url, CONNECT_SECONDS, statement_cache_size=0)
            try:
                return await _apply_all(connection, load_migrations())
            finally:
                await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as exc:
        raise Unavailable("PostgreSQL") from exc


async def _apply_all(
    connection: "asyncpg.Connection[asyncpg.Record]", migrations: list[Migration]
) -> list[str]:
    applied: list[str] = []
    while True:
        async with connection.transaction():
            migration = await _next(connection, migrations)
            if migration is None:
                return applied
            await connection.execute(migration.sql)
            await connection.execute(_REMEMBER, migration.name, migration.checksum)
        applied.append(migration.name)
        log.info("migration.applied", extra={"file": migration.name})


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('bellwire.migrate', 0))"

_TABLE = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name       text PRIMARY KEY,
        checksum   bytea NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""

_APPLIED = "SELECT name, checksum FROM schema_migrations ORDER BY name"

_REMEMBER = "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)"


async def _next(
    connection: "asyncpg.Connection[asyncpg.Record]", migrations: list[Migration]
) -> Migration | None:
    await connection.execute(_LOCK)
    # Its notice that the table is there already is nobody's business.
    await connection.execute("SET LOCAL client_min_messages = warning")
    await connection.execute(_TABLE)
    applied = {row["name"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
    return next_migration(migrations, applied)


def next_migration(migrations: list[Migration], applied: dict[str, bytes]) -> Migration | None:
    """Return the first file that is not applied yet.

    Raises:
        MigrationRefused: see `migrate`.
    """
    ours = {migration.name: migration for migration in migrations}
    for name, checksum in applied.items():
        if name not in ours:
            raise MigrationRefused(
                f"The database has the migration {name}, which is unknown here: run the version that made it."
            )
        if ours[name].checksum != checksum:
            raise MigrationRefused(
                f"The migration {name} was changed after it was applied: restore it and add a new one."
            )
    missing = [migration for migration in migrations if migration.name not in applied]
    if not missing:
        return None
    newest = max(applied, default="")
    if missing[0].name < newest:
        raise MigrationRefused(
            f"The migration {missing[0].name} is new but sorts before {newest}: give it a later name."
        )
    return missing[0]
