"""Operator keys: made, listed and ended by a command. There is no route for it: whoever can reach the database may."""

import secrets
from typing import Any

import asyncpg

from api.db.command_session import CONNECT_SECONDS, DatabaseTrouble, command_session
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, make_key

_OPTIONS: dict[str, Any] = {"command_timeout": CONNECT_SECONDS, "statement_cache_size": 0}
_STORE = "INSERT INTO api_keys (key_hash, kind, name) VALUES ($1, 'op', $2)"
# As older pods do not know an end, it is the rows' own revocation that ends a key for everybody.
_VALID = "kind = 'op' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"
_NOTE = """
    INSERT INTO audit_trail (action, facts) VALUES ($1, jsonb_build_object('keyId', $2::text, 'name', $3::text))
"""


async def create_operator_key(database_url: str, name: str | None = None) -> str:
    """Return a new operator key; only its hash is stored.

    Raises:
        Unavailable: PostgreSQL.
        DatabaseTrouble: as `command_session`.
    """
    key = make_key(KeyKind.OPERATOR, secrets.token_bytes(KEY_BYTES))
    key_hash = hash_key(key)
    assert key_hash is not None
    async with command_session(database_url, **_OPTIONS) as connection, connection.transaction():
        await connection.execute(_STORE, key_hash, name)
        await connection.execute(_NOTE, "key.made", key_hash[:6].hex(), name)
    return key


_LIST = f"""
    SELECT encode(substr(key_hash, 1, 6), 'hex') AS key_id, name, rfc3339(created_at) AS created_at,
           rfc3339(last_used_at) AS last_used_at
    FROM api_keys WHERE {_VALID} ORDER BY created_at, key_hash
"""  # noqa: S608 - put together from constants


async def list_operator_keys(database_url: str) -> list["asyncpg.Record"]:
    """Return `key_id`, `name`, `created_at` and `last_used_at` of the valid ones, oldest first.

    Raises as `create_operator_key`.
    """
    async with command_session(database_url, writes=False, **_OPTIONS) as connection:
        found: list[asyncpg.Record] = await connection.fetch(_LIST)
        return found


_REVOKE = f"""
    UPDATE api_keys SET revoked_at = clock_timestamp()
    WHERE {_VALID} AND encode(substr(key_hash, 1, 6), 'hex') = $1 RETURNING name
"""  # noqa: S608 - put together from constants


async def revoke_operator_key(database_url: str, key_id: str) -> None:
    """End a key: pods refuse it within 2 s.

    Raises:
        DatabaseTrouble: there is no such valid key, or as `command_session`.
        Unavailable: PostgreSQL.
    """
    async with command_session(database_url, **_OPTIONS) as connection, connection.transaction():
        ended = await connection.fetch(_REVOKE, key_id)
        if not ended:
            raise DatabaseTrouble(
                f"There is no valid operator key {key_id!r}: `bellwire keys list` shows them."
            )
        await connection.execute(_NOTE, "key.ended", key_id, ended[0]["name"])
