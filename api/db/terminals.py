"""Terminals in the database: their registration, their keys, their presence."""

from dataclasses import dataclass
from uuid import UUID

from api.db.audit_trail import Entry, noted_where
from backbone.eventlog.postgres import Database
from backbone.eventlog.presence import LEASE_SECONDS

# The tenant's row is locked, so that many at once are counted one after another: by a function, which sees what was
# committed while this statement waited.
_CREATE = f"""
    WITH shop AS MATERIALIZED (
        SELECT tenant FROM tenants WHERE tenant = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
    ), made AS (
        INSERT INTO terminals (terminal_id, tenant, name, role)
        SELECT $2::uuid, tenant, $3, $4 FROM shop WHERE registered_terminals(shop.tenant) < $6
        RETURNING tenant, terminal_id
    ), key AS (
        INSERT INTO api_keys (key_hash, kind, tenant, terminal_id)
        SELECT $5, 'term', tenant, terminal_id FROM made
    ), {noted_where("made", 7)}
    SELECT EXISTS (SELECT FROM made) AS made FROM shop
"""  # noqa: S608 - put together from constants


async def create_terminal(
    database: Database,
    tenant: str,
    terminal_id: UUID,
    name: str,
    role: str | None,
    key_hash: bytes,
    entry: Entry,
    *,
    most: int,
) -> bool | None:
    """Register a terminal with its key, and note it; False when the tenant has `most`, None when there is no such one.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_CREATE, tenant, terminal_id, name, role, key_hash, most, *entry.values)
    return None if row is None else row["made"]


# `changed_at` is what tells the gateways: they close its sockets at their next check.
_REVOKE = f"""
    WITH known AS (
        SELECT terminal_id FROM terminals WHERE tenant = $1 AND terminal_id = $2
    ), gone AS (
        UPDATE terminals t SET revoked_at = clock_timestamp(), changed_at = clock_timestamp()
        FROM known WHERE t.terminal_id = known.terminal_id AND t.revoked_at IS NULL
    ), keys AS (
        UPDATE api_keys k SET revoked_at = clock_timestamp()
        FROM known WHERE k.terminal_id = known.terminal_id AND k.revoked_at IS NULL
    ), {noted_where("known", 3)}
    SELECT terminal_id FROM known
"""  # noqa: S608 - put together from constants


async def revoke_terminal(database: Database, tenant: str, terminal_id: UUID, entry: Entry) -> bool:
    """Take a terminal's keys away for ever, and note it; False when there is no such terminal. Twice is good as well.

    Raises:
        Unavailable: PostgreSQL.
    """
    return await database.fetch_row(_REVOKE, tenant, terminal_id, *entry.values) is not None


@dataclass(frozen=True, slots=True)
class Presence:
    """A terminal and whether it listens. `lag` is how many events it has not acked; None before any ack."""

    terminal_id: UUID
    name: str
    role: str | None
    online: bool
    gateway: str | None
    last_seen: str | None
    acked_offset: str | None
    lag: int | None


_LIST = """
    SELECT t.terminal_id, t.name, t.role, p.online, CASE WHEN p.online THEN t.gateway END AS gateway,
           rfc3339(greatest(
               t.last_seen, a.acked_at, t.connected_at, CASE WHEN p.online THEN g.renewed_at END
           )) AS last_seen,
           a.epoch || '-' || a.seq AS acked_offset,
           CASE WHEN a.seq IS NOT NULL THEN greatest(s.seq - a.seq, 0) END AS lag
    FROM tenant_streams s JOIN terminals t USING (tenant) LEFT JOIN gateways g ON g.gateway = t.gateway
    CROSS JOIN LATERAL (
        SELECT t.connection_id IS NOT NULL
               AND coalesce(g.renewed_at > clock_timestamp() - make_interval(secs => $2), false) AS online
    ) p
    LEFT JOIN LATERAL newest_ack(t.terminal_id) a ON true
    WHERE s.tenant = $1 AND t.revoked_at IS NULL
    ORDER BY t.created_at, t.terminal_id
"""


async def list_terminals(database: Database, tenant: str) -> list[Presence]:
    """Return the tenant's terminals, oldest first.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_LIST, tenant, float(LEASE_SECONDS))
    return [Presence(**dict(row.items())) for row in rows]


@dataclass(frozen=True, slots=True)
class Till:
    """A terminal with what it needs to know of its shop."""

    name: str
    role: str | None
    shop: str
    currency: str | None
    time_zone: str
    country: str | None
    ack_deadline_seconds: int
    preparation_minutes: int
    paused: bool
    paused_reason: str | None


_TILL = """
    SELECT t.name, t.role, n.name AS shop, n.currency, n.time_zone, n.country, n.ack_deadline_seconds,
           n.preparation_minutes, n.paused, n.paused_reason
    FROM terminals t JOIN tenants n USING (tenant) WHERE t.terminal_id = $1
"""


async def till_of(database: Database, terminal: UUID) -> Till | None:
    """Return a terminal and its shop; None when it went meanwhile.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_TILL, terminal)
    return None if row is None else Till(**row)
