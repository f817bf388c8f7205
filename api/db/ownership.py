"""Give the schema to another role, object by object, while pods are at work.

Each table's lock is asked for half a second at a time, as by a migration. The owner of before becomes a member of the
new one, so that pods that connect as it go on; that ends by hand, when none does any more.
"""

import asyncio
from collections.abc import Callable

import asyncpg

from api.db.command_session import DatabaseTrouble
from api.db.migration_log import Connection

LOCK_MILLISECONDS = 500
ATTEMPTS = 60
PAUSE_SECONDS = 1.0

_OWNERS = """
    SELECT DISTINCT r.rolname AS owner, r.rolsuper AS super
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND r.rolname <> $1
"""
_JOIN = "SELECT format('GRANT %I TO %I', $1::text, $2::text)"
_SCHEMA = "SELECT format('GRANT CREATE, USAGE ON SCHEMA %I TO %I', current_schema(), $1::text)"
# Functions last: until then those that run as their owner run as one who may do everything with the tables.
_OBJECTS = """
    WITH here AS (SELECT current_schema()::regnamespace AS oid), new AS (SELECT oid FROM pg_roles WHERE rolname = $1)
    SELECT 1 AS place, c.oid, format(
               'ALTER %s %I OWNER TO %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
               c.relname, $1::text
           ) AS statement
    FROM pg_class c, here, new
    WHERE c.relnamespace = here.oid AND c.relkind IN ('r', 'p', 'v', 'S') AND c.relowner <> new.oid
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
    UNION ALL
    SELECT 2, t.oid, format('ALTER TYPE %I OWNER TO %I', t.typname, $1::text)
    FROM here, new, pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typnamespace = here.oid AND t.typowner <> new.oid
      AND (c.relkind = 'c' OR (t.typrelid = 0 AND t.typtype IN ('e', 'd')))
    UNION ALL
    SELECT 3, p.oid, format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, $1::text)
    FROM pg_proc p, here, new WHERE p.pronamespace = here.oid AND p.proowner <> new.oid AND p.prokind = 'f'
    ORDER BY 1, 2
"""


async def hand_over(connection: Connection, role: str, say: Callable[[str], None]) -> None:
    """Make `role` the owner of every table, type and function of the schema. Nothing to do is fine.

    Raises:
        DatabaseTrouble: a lock was not to be had within a minute; what is done stays done, and the rest comes with the
            next run.
    """
    owners = await connection.fetch(_OWNERS, role)
    for row in owners:
        if not row["super"]:
            await connection.execute(await connection.fetchval(_JOIN, role, row["owner"]))
    await connection.execute(await connection.fetchval(_SCHEMA, role))
    objects = await connection.fetch(_OBJECTS, role)
    for row in objects:
        await _patiently(connection, row["statement"])
    if objects:
        say(
            f"{role} owns {len(objects)} tables, types and functions now: `bellwire migrate` needs its address"
        )
    for row in owners:
        if not row["super"]:
            owner = row["owner"]
            say(f"{owner} is a member of {role}; when no pod connects as it: REVOKE {role} FROM {owner}")


async def _patiently(connection: Connection, statement: str) -> None:
    for attempt in range(ATTEMPTS):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
                await connection.execute(statement)
            return
        except asyncpg.LockNotAvailableError as exc:
            if attempt == ATTEMPTS - 1:
                raise DatabaseTrouble(
                    f"A table stayed locked by others ({statement}): run this again."
                ) from exc
            await asyncio.sleep(PAUSE_SECONDS)
