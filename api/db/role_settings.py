"""Give a role of the database the settings that every session of ours needs, once, where a pooler stands between.

A pod asks for them itself when it connects; a pooler in transaction mode cannot pass that on, so there the role has to
bring them along.
"""

from typing import Any

import asyncpg

from api.db.command_session import CONNECT_SECONDS, Connection, command_session
from backbone.eventlog.postgres import session_settings

# One statement for each, made by the server itself, which quotes the names.
_STATEMENTS = """
    SELECT format('ALTER ROLE %I IN DATABASE %I SET %I = %L',
                  coalesce($1, current_user), current_database(), setting.name, setting.value) AS statement,
           coalesce($1, current_user) AS role
    FROM unnest($2::text[], $3::text[]) AS setting (name, value)
"""


async def give_role_settings(database_url: str, role: str | None, timeout_seconds: float) -> str:
    """Store the settings for `role`, by default the one that connects; returns its name. New sessions have them.

    Raises:
        Unavailable: PostgreSQL.
        DatabaseTrouble: as `command_session`; the role that connects may not change it.
        LookupError: there is no such role.
    """
    options: dict[str, Any] = {"command_timeout": CONNECT_SECONDS, "statement_cache_size": 0}
    try:
        async with command_session(database_url, **options) as connection:
            return await store_settings(connection, role, timeout_seconds)
    except asyncpg.UndefinedObjectError as exc:
        raise LookupError(str(exc)) from exc


async def store_settings(connection: Connection, role: str | None, timeout_seconds: float) -> str:
    """As `give_role_settings`, on a connection that is there already; PostgreSQL's own errors come through."""
    settings = session_settings(timeout_seconds)
    rows = await connection.fetch(_STATEMENTS, role, list(settings), list(settings.values()))
    await connection.execute(";".join(row["statement"] for row in rows))
    found: str = rows[0]["role"]
    return found
