"""Pairing codes in the database."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from api.core.pairing import LIFE_SECONDS
from api.db.audit_trail import Entry, noted_where
from backbone.eventlog.postgres import Database, Row

MAX_OPEN = 20
"""So many codes of a tenant may be open at once."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """A code that may be typed, or was: then `terminal_id` says what came of it. `created_by` is a key's name."""

    pairing_id: UUID
    name: str
    role: str | None
    created_at: str
    created_by: str
    expires_at: str
    terminal_id: UUID | None


_COLUMNS = """
    pairing_id, name, role, rfc3339(created_at) AS created_at, created_by, rfc3339(expires_at) AS expires_at,
    terminal_id
"""
_OPEN = "terminal_id IS NULL AND expires_at > clock_timestamp()"

_MAY_PAIR = "SELECT may_pair FROM api_keys WHERE key_hash = $1"


async def may_pair(database: Database, key_hash: bytes) -> bool:
    """Whether a storefront's key may make pairing codes. Raises Unavailable."""
    row = await database.fetch_row(_MAY_PAIR, key_hash)
    return row is not None and row["may_pair"]


# The tenant's row is locked, so that many at once are counted one after another: by a function, which sees what was
# committed while this statement waited.
_CREATE = f"""
    WITH shop AS MATERIALIZED (
        SELECT tenant FROM tenants WHERE tenant = $2 AND deleted_at IS NULL FOR NO KEY UPDATE
    ), old AS (
        DELETE FROM pairings WHERE tenant = $2 AND expires_at < clock_timestamp() - interval '1 day'
    ), made AS (
        INSERT INTO pairings (pairing_id, tenant, code_hmac, name, role, created_by, expires_at)
        SELECT $1, tenant, $3, $4, $5, $6, clock_timestamp() + interval '{LIFE_SECONDS} seconds' FROM shop
        WHERE open_pairings(shop.tenant) < {MAX_OPEN}
        RETURNING {_COLUMNS}
    ), {noted_where("made", 7)}
    SELECT * FROM made
"""  # noqa: S608 - put together from constants


async def create_pairing(
    database: Database,
    tenant: str,
    pairing_id: UUID,
    code_hmac: bytes,
    name: str,
    role: str | None,
    created_by: str,
    entry: Entry,
) -> Pairing | None:
    """Keep a new code, and note it; None when the tenant has as many open ones as it may have, or is gone.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(
        _CREATE, pairing_id, tenant, code_hmac, name, role, created_by, *entry.values
    )
    return None if row is None else _pairing_of(row)


_LIST = f"""
    SELECT {_COLUMNS} FROM pairings WHERE tenant = $1 AND {_OPEN} ORDER BY created_at, pairing_id
"""  # noqa: S608 - put together from constants


async def list_pairings(database: Database, tenant: str) -> list[Pairing]:
    """Return the codes that may still be typed, oldest first. Raises Unavailable."""
    return [_pairing_of(row) for row in await database.fetch(_LIST, tenant)]


_GET = f"SELECT {_COLUMNS} FROM pairings WHERE tenant = $1 AND pairing_id = $2"  # noqa: S608


async def get_pairing(database: Database, tenant: str, pairing_id: UUID) -> Pairing | None:
    """Return a code, open, used or over; None when there is none. Raises Unavailable."""
    row = await database.fetch_row(_GET, tenant, pairing_id)
    return None if row is None else _pairing_of(row)


_DELETE = f"""
    WITH gone AS (
        DELETE FROM pairings WHERE tenant = $1 AND pairing_id = $2 RETURNING 1
    ), {noted_where("gone", 3)}
    SELECT 1 FROM gone
"""  # noqa: S608 - put together from constants


async def delete_pairing(database: Database, tenant: str, pairing_id: UUID, entry: Entry) -> bool:
    """Take a code back, and note it; a terminal that came of it stays. False when there is none. Raises Unavailable."""
    return await database.fetch_row(_DELETE, tenant, pairing_id, *entry.values) is not None


@dataclass(frozen=True, slots=True)
class Paired:
    """A terminal that came of a code."""

    tenant: str
    name: str
    pairing_id: UUID


_FACTS = "jsonb_build_object('pairingId', once.pairing_id, 'name', once.name)"
_PAIR = f"""
    WITH code AS MATERIALIZED (
        SELECT p.pairing_id, p.tenant FROM pairings p JOIN tenants t USING (tenant)
        WHERE p.code_hmac = ANY ($1::bytea[]) AND p.terminal_id IS NULL AND p.expires_at > clock_timestamp()
          AND t.disabled_at IS NULL AND t.deleted_at IS NULL
        FOR NO KEY UPDATE
    ), used AS (
        UPDATE pairings p SET terminal_id = $2::uuid FROM code
        WHERE p.pairing_id = code.pairing_id AND registered_terminals(code.tenant) < $4
        RETURNING p.tenant, p.name, p.role, p.pairing_id, p.created_by
    ), made AS (
        INSERT INTO terminals (terminal_id, tenant, name, role) SELECT $2::uuid, tenant, name, role FROM used
        RETURNING tenant, terminal_id
    ), key AS (
        INSERT INTO api_keys (key_hash, kind, tenant, terminal_id, created_by)
        SELECT $3, 'term', m.tenant, m.terminal_id, u.created_by FROM made m JOIN used u USING (tenant)
    ), {noted_where("used", 5, tenant="once.tenant", facts=_FACTS)}
    SELECT u.tenant, u.name, u.pairing_id FROM code LEFT JOIN used u USING (pairing_id)
"""  # noqa: S608 - put together from constants


async def pair_terminal(
    database: Database,
    code_hmacs: list[bytes],
    terminal_id: UUID,
    key_hash: bytes,
    entry: Entry,
    *,
    most: int,
) -> Paired | Literal[False] | None:
    """Use a code up for a new terminal with this key, and note it.

    False when its tenant has `most` terminals: the code stays. None when it is no open code.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_PAIR, code_hmacs, terminal_id, key_hash, most, *entry.values)
    if row is None:
        return None
    return False if row["tenant"] is None else Paired(row["tenant"], row["name"], row["pairing_id"])


def _pairing_of(row: Row) -> Pairing:
    return Pairing(**dict(row.items()))
