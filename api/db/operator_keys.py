"""Make operator keys. There is no route for it: whoever can reach the database may."""

import secrets

import asyncpg

from backbone.contract.errors import Unavailable
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, make_key
from backbone.eventlog.primary import connect_once

CONNECT_SECONDS = 10

_STORE = "INSERT INTO api_keys (key_hash, kind) VALUES ($1, 'op')"


async def create_operator_key(database_url: str) -> str:
    """Return a new operator key; only its hash is stored.

    Raises:
        Unavailable: PostgreSQL, or a database without our tables.
    """
    key = make_key(KeyKind.OPERATOR, secrets.token_bytes(KEY_BYTES))
    try:
        connection = await connect_once(
            database_url, CONNECT_SECONDS, command_timeout=CONNECT_SECONDS, statement_cache_size=0
        )
        try:
            await connection.execute(_STORE, hash_key(key))
        finally:
            await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.UndefinedTableError) as exc:
        raise Unavailable("PostgreSQL") from exc
    return key
