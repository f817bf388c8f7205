"""Take over a database whose applied migrations bear the names of an earlier numbering (`RENAMED`).

Names are not believed alone: the files are applied to a schema of their own beside the real one, both are read from
PostgreSQL's catalogs and compared, and all of that is rolled back. An index or a table more, which an operator made,
is ignored; a column, constraint or trigger more on a table of ours is not.
"""

import secrets
from collections.abc import Callable, Mapping

import asyncpg

from api.db import migration_log as book
from api.db.migrate import opened
from api.db.migration_files import Migration, MigrationRefused, load_migrations
from api.db.migration_log import Connection
from api.db.migration_plan import RENAMED
from backbone.eventlog.schema import Listed

DIFFERENCES_TOLD = 5

# The objects in the schema that comes first in the search path, but for the partitions, which days make.
_OBJECTS = """
    WITH here AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = current_schema()),
    relations AS (
        SELECT c.* FROM pg_class c, here WHERE c.relnamespace = here.oid AND NOT c.relispartition
          AND c.relname <> 'schema_migrations' AND c.relname NOT LIKE 'schema_migrations\\_%'
    )
    SELECT 'table ' || relname AS name, relkind::text AS text FROM relations WHERE relkind IN ('r', 'p')
    UNION ALL
    SELECT 'column ' || r.relname || '.' || a.attname,
           format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
           || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
           || a.attidentity::text || a.attgenerated::text
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'c')
    UNION ALL
    SELECT 'constraint ' || r.relname || '.' || o.conname, pg_get_constraintdef(o.oid)
    FROM relations r JOIN pg_constraint o ON o.conrelid = r.oid
    UNION ALL
    SELECT 'trigger ' || r.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
    FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'index ' || r.relname, pg_get_indexdef(r.oid) FROM relations r WHERE r.relkind IN ('i', 'I')
    UNION ALL
    SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           pg_get_functiondef(p.oid)
    FROM pg_proc p, here WHERE p.pronamespace = here.oid AND p.prokind IN ('f', 'p')
"""
# Objects that only we may put on a table of ours.
_OURS_ALONE = ("column ", "constraint ", "trigger ")


async def adopt(database_url: str, say: Callable[[str], None]) -> list[str]:
    """Give the applied migrations the names that they have today; returns these names. Nothing to do is fine.

    Raises:
        MigrationRefused: the database is of no numbering that we know, or its schema is not what its names say.
        Unavailable: PostgreSQL.
    """
    async with opened(database_url) as connection, book.begin(connection):
        if not await book.try_lock(connection):
            raise MigrationRefused("Another `migrate` is at work: run it again when that has ended.")
        applied = await book.read(connection)
        old = [name for name in applied if name in RENAMED]
        if not old:
            say("nothing to adopt")
            return []
        files = _prefix(load_migrations(), applied)
        await compare(connection, files)
        await book.make_ready(connection)
        for name in old:
            await book.rename(connection, name, RENAMED[name])
            say(f"{name} is {RENAMED[name]} now")
        return [RENAMED[name] for name in old]


def _prefix(migrations: list[Migration], applied: Mapping[str, Listed]) -> list[Migration]:
    """Return the files that the database has, once renamed: the first ones without a hole, each with its checksum."""
    have = {RENAMED.get(name, name): listed for name, listed in applied.items()}
    files = migrations[: len(have)]
    strangers = sorted(set(have) - {migration.name for migration in files})
    if strangers or len(have) < len(applied):
        holes = [migration.name for migration in files if migration.name not in have]
        raise MigrationRefused(
            f"The database has {', '.join(strangers)} and lacks {', '.join(holes)}, which come before: no release "
            "left it like that, and nothing is adopted."
        )
    for migration in files:
        if have[migration.name].checksum != migration.checksum:
            raise MigrationRefused(
                f"{migration.name} had another text when it was applied; nothing is adopted."
            )
    return files


async def compare(connection: Connection, files: list[Migration]) -> None:
    """Compare the schema with the one that the files make; changes nothing.

    Raises:
        MigrationRefused: they differ.
    """
    real_schema = await connection.fetchval("SELECT current_schema()")
    real = await _objects(connection, real_schema)
    beside = f"bellwire_adopt_{secrets.token_hex(4)}"
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(f"CREATE SCHEMA {beside}; SET LOCAL search_path = {beside}")
        for migration in files:
            await connection.execute(migration.sql)
        wanted = await _objects(connection, beside)
    except asyncpg.InsufficientPrivilegeError as exc:
        raise MigrationRefused(
            "To compare, this role needs CREATE on the database; nothing is adopted."
        ) from exc
    finally:
        await attempt.rollback()
    wrong = differences(wanted, real)
    if wrong:
        told = "; ".join(wrong[:DIFFERENCES_TOLD])
        more = f"; and {len(wrong) - DIFFERENCES_TOLD} more" if len(wrong) > DIFFERENCES_TOLD else ""
        raise MigrationRefused(
            f"The schema is not what its migrations make: {told}{more}. Nothing is adopted."
        )


def differences(wanted: Mapping[str, str], real: Mapping[str, str]) -> list[str]:
    """Return what the real schema lacks, has otherwise, or has too much on a table of ours. Pure."""
    wrong = [f"{name} is missing" for name in wanted if name not in real]
    wrong += [f"{name} is different" for name, text in wanted.items() if real.get(name, text) != text]
    tables = {name.removeprefix("table ") for name in wanted if name.startswith("table ")}
    for name in real:
        kind = next((kind for kind in _OURS_ALONE if name.startswith(kind)), None)
        if kind and name not in wanted and name.removeprefix(kind).partition(".")[0] in tables:
            wrong.append(f"{name} is not ours")
    return sorted(wrong)


async def _objects(connection: Connection, schema: str) -> dict[str, str]:
    rows = await connection.fetch(_OBJECTS)
    # A function may name the schema that it was made in, as where it looks.
    return {row["name"]: row["text"].replace(f"{schema}.", "").replace(f"'{schema}'", "''") for row in rows}
