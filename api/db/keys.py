"""Keys in the database: those of storefronts and operators, by name; a terminal's rotation; the last use of a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.db.audit_trail import Entry, noted_where
from backbone.eventlog.postgres import Database, Row

VALID = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is valid, by its name (`key_id`); `created_by` is the name of the key that made it."""

    key_id: str
    name: str | None
    created_at: str
    created_by: str | None
    expires_at: str | None
    last_used_at: str | None
    may_pair: bool


KEY_COLUMNS = """
    encode(substr(key_hash, 1, 6), 'hex') AS key_id, name, rfc3339(created_at) AS created_at, created_by,
    rfc3339(expires_at) AS expires_at, rfc3339(last_used_at) AS last_used_at, may_pair
"""


def key_of(row: Row) -> Key:
    """Read the columns above."""
    return Key(
        row["key_id"], row["name"], row["created_at"], row["created_by"], row["expires_at"], row["last_used_at"],
        row["may_pair"],
    )  # fmt: skip


# The tenant's row is locked, so that many at once are counted one after another: by a function, which sees what was
# committed while this statement waited.
_CREATE = f"""
    WITH shop AS MATERIALIZED (
        SELECT tenant FROM tenants WHERE tenant = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
    ), made AS (
        INSERT INTO api_keys (key_hash, kind, tenant, name, created_by, expires_at, may_pair)
        SELECT $2, 'store', tenant, $3, $4, $5, $6 FROM shop
        WHERE valid_storefront_keys(shop.tenant) < $7
        RETURNING {KEY_COLUMNS}
    ), {noted_where("made", 8)}
    SELECT * FROM made
"""  # noqa: S608 - put together from constants


async def create_storefront_key(
    database: Database,
    tenant: str,
    key_hash: bytes,
    name: str,
    created_by: str,
    expires_at: datetime | None,
    entry: Entry,
    *,
    may_pair: bool,
    most: int,
) -> Key | None:
    """Make a key, and note it; None when the tenant has `most`, or is gone.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(
        _CREATE, tenant, key_hash, name, created_by, expires_at, may_pair, most, *entry.values
    )
    return None if row is None else key_of(row)


_LIST = f"""
    SELECT {KEY_COLUMNS} FROM api_keys WHERE tenant = $1 AND kind = 'store' AND {VALID} ORDER BY created_at, key_hash
"""  # noqa: S608 - put together from constants


async def list_storefront_keys(database: Database, tenant: str) -> list[Key]:
    """Return the tenant's valid keys, oldest first. Raises Unavailable."""
    return [key_of(row) for row in await database.fetch(_LIST, tenant)]


_GET = f"""
    SELECT {KEY_COLUMNS} FROM api_keys
    WHERE tenant = $1 AND kind = 'store' AND encode(substr(key_hash, 1, 6), 'hex') = $2 AND {VALID}
"""  # noqa: S608 - put together from constants


async def get_storefront_key(database: Database, tenant: str, key_id: str) -> Key | None:
    """Return a valid key of the tenant by its name; None when there is none. Raises Unavailable."""
    row = await database.fetch_row(_GET, tenant, key_id)
    return None if row is None else key_of(row)


_REVOKE = f"""
    WITH ended AS (
        UPDATE api_keys SET revoked_at = clock_timestamp()
        WHERE tenant = $1 AND kind = 'store' AND encode(substr(key_hash, 1, 6), 'hex') = $2 AND {VALID} RETURNING 1
    ), {noted_where("ended", 3)}
    SELECT 1 FROM ended
"""  # noqa: S608 - put together from constants


async def revoke_storefront_key(database: Database, tenant: str, key_id: str, entry: Entry) -> bool:
    """End a key, and note it; False when there is no such one. Raises Unavailable."""
    return await database.fetch_row(_REVOKE, tenant, key_id, *entry.values) is not None


@dataclass(frozen=True, slots=True)
class Rotation:
    """The end of a rotation: `outcome` is `ok`, `not_found` or `too_many`."""

    outcome: str
    previous_until: str | None


_ROTATE = f"""
    WITH rotation AS MATERIALIZED (
        SELECT outcome, previous_until FROM rotate_terminal_key($1, $2, $3, $4, $5)
    ), made AS (
        SELECT 1 FROM rotation WHERE outcome = 'ok'
    ), {noted_where("made", 6)}
    SELECT outcome, rfc3339(previous_until) AS previous_until FROM rotation
"""  # noqa: S608 - put together from constants


async def rotate_terminal_key(
    database: Database,
    tenant: str,
    terminal: UUID,
    key_hash: bytes,
    overlap_seconds: int,
    created_by: str,
    entry: Entry,
) -> Rotation:
    """Give a terminal a new key, and note it; those that it has are valid for `overlap_seconds` more.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(
        _ROTATE, tenant, terminal, key_hash, overlap_seconds, created_by, *entry.values
    )
    assert row is not None
    return Rotation(row["outcome"], row["previous_until"])


_USED = """
    UPDATE api_keys k SET last_used_at = u.at
    FROM (SELECT unnest($1::bytea[]) AS key_hash, to_timestamp(unnest($2::float8[])) AS at) u
    WHERE k.key_hash = u.key_hash AND (k.last_used_at IS NULL OR k.last_used_at < u.at)
"""


async def store_uses(database: Database, used: Mapping[bytes, float]) -> None:
    """Write down when keys, by their hashes, were last used (Unix seconds). Raises Unavailable."""
    # Everybody locks in one order.
    await database.fetch(_USED, sorted(used), [used[key_hash] for key_hash in sorted(used)])


_END = """
    WITH over AS (
        SELECT key_hash FROM api_keys WHERE expires_at <= clock_timestamp() AND revoked_at IS NULL
        ORDER BY key_hash LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE api_keys k SET revoked_at = k.expires_at FROM over WHERE k.key_hash = over.key_hash
"""


async def end_expired_keys(database: Database, limit: int) -> None:
    """Mark keys whose time is over for pods of the release before, which know no expiry. Raises Unavailable."""
    await database.fetch(_END, limit)
