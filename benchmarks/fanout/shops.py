"""Many terminals of many tenants, registered with PostgreSQL directly: what a crowd needs before it can come."""

import secrets
import uuid

import asyncpg

from backbone.contract.event import Event
from backbone.contract.keys import KeyKind, hash_key, make_key
from backbone.contract.offset import Offset

PADDING = "x" * 180
_REGISTER = """
    WITH t AS (INSERT INTO tenants (tenant, name) VALUES ($1, $1)),
         s AS (INSERT INTO tenant_streams (tenant) VALUES ($1)),
         d AS (INSERT INTO terminals (terminal_id, tenant, name) SELECT u, $1, 'till' FROM unnest($2::uuid[]) AS u)
    INSERT INTO api_keys (key_hash, kind, tenant, terminal_id)
    SELECT h, 'term', $1, u FROM unnest($3::bytea[], $2::uuid[]) AS k (h, u)
"""
_COMMIT = """
    WITH s AS (UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = ANY ($1::text[]) RETURNING tenant, epoch, seq)
    SELECT s.tenant, e.* FROM s, LATERAL append_event(s.tenant, s.epoch, s.seq, 'order_updated', $2) AS e
"""


async def register(
    connection: "asyncpg.Connection[asyncpg.Record]", tenant: str, terminals: int
) -> list[str]:
    """Register a tenant with so many terminals and return their keys."""
    keys = [make_key(KeyKind.TERMINAL, secrets.token_bytes(32)) for _ in range(terminals)]
    await connection.execute(_REGISTER, tenant, [uuid.uuid4() for _ in keys], [hash_key(key) for key in keys])
    return keys


async def commit_each(
    connection: "asyncpg.Connection[asyncpg.Record]", tenants: list[str], at_ns: int
) -> list[tuple[str, Event]]:
    """Commit one event of about 350 bytes, which carries `at_ns`, for each tenant."""
    rows = await connection.fetch(_COMMIT, tenants, f'{{"at":"{at_ns}","pad":"{PADDING}"}}')
    return [
        (
            row["tenant"],
            Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"]),
        )
        for row in rows
    ]
