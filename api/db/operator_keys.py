"""Make operator keys. There is no route for it: whoever can reach the database may."""

import secrets
from typing import Any

from api.db.command_session import CONNECT_SECONDS, command_session
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, make_key

_STORE = "INSERT INTO api_keys (key_hash, kind) VALUES ($1, 'op')"


async def create_operator_key(database_url: str) -> str:
    """Return a new operator key; only its hash is stored.

    Raises:
        Unavailable: PostgreSQL.
        DatabaseTrouble: as `command_session`.
    """
    key = make_key(KeyKind.OPERATOR, secrets.token_bytes(KEY_BYTES))
    options: dict[str, Any] = {"command_timeout": CONNECT_SECONDS, "statement_cache_size": 0}
    async with command_session(database_url, **options) as connection:
        await connection.execute(_STORE, hash_key(key))
    return key
