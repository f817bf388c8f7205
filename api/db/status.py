"""Is anybody listening, and does an order wait unseen?"""

from dataclasses import dataclass

from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database
from backbone.eventlog.presence import LEASE_SECONDS

POLL_SECONDS = 45
"""A terminal that has polled within that time is there."""


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """`accepting`: somebody whose ack would count is there. `oldest_unacked_seconds` is None when nothing is unseen."""

    head: Offset
    terminals_online: int
    accepting: bool
    paused: bool
    paused_reason: str | None
    oldest_unacked_seconds: float | None


# A connection whose gateway keeps no readings is of the version before, and has no filter that we know of.
_STATUS = """
    WITH online AS (
        SELECT t.terminal_id, t.role, r.types
        FROM terminals t JOIN gateways g USING (gateway)
        LEFT JOIN readings r ON r.reading_id = t.connection_id AND r.stretch = 0
        WHERE t.tenant = $1 AND t.revoked_at IS NULL AND t.connection_id IS NOT NULL
          AND g.renewed_at > clock_timestamp() - make_interval(secs => $2)
    ), there AS (
        SELECT role, types FROM online
        UNION ALL
        SELECT t.role, r.types FROM readings r JOIN terminals t ON t.terminal_id = r.terminal_id
        WHERE r.tenant = $1 AND r.ended_at IS NULL AND t.revoked_at IS NULL
          AND r.polled_at > clock_timestamp() - make_interval(secs => $3)
    )
    SELECT s.epoch, s.seq, (SELECT count(*) FROM online) AS online,
           n.paused, n.paused_reason, NOT n.paused AND (
               EXISTS (
                   SELECT FROM there
                   WHERE (types IS NULL OR 'new_order' = ANY (types))
                     AND (n.alarm_roles IS NULL OR role = ANY (n.alarm_roles))
               ) OR EXISTS (
                   SELECT FROM webhook_endpoints e
                   WHERE e.tenant = $1 AND e.counts AND e.disabled_at IS NULL AND e.failures = 0
                     AND (e.types IS NULL OR 'new_order' = ANY (e.types))
                     AND (n.alarm_roles IS NULL OR 'webhook' = ANY (n.alarm_roles))
               )
           ) AS accepting,
           (
               SELECT extract(epoch FROM clock_timestamp() - min(u.counts_from))::float8 FROM unseen_orders u
               WHERE u.tenant = $1 AND u.seen_at IS NULL AND u.counts_from <= clock_timestamp()
           ) AS waiting
    FROM tenant_streams s JOIN tenants n USING (tenant)
    WHERE s.tenant = $1
"""


async def tenant_status(database: Database, tenant: str) -> TenantStatus | None:
    """Return how a tenant stands; None when there is no such tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_STATUS, tenant, float(LEASE_SECONDS), float(POLL_SECONDS))
    if row is None:
        return None
    return TenantStatus(
        Offset(row["epoch"], row["seq"]),
        row["online"],
        row["accepting"],
        row["paused"],
        row["paused_reason"],
        row["waiting"],
    )


_UNACKED = """
    SELECT count(*) AS unacked FROM unseen_orders u JOIN tenants n USING (tenant)
    WHERE u.seen_at IS NULL AND u.counts_from < now() - make_interval(secs => n.ack_deadline_seconds)
      AND n.disabled_at IS NULL AND NOT n.is_test
"""


async def count_unacked_orders(database: Database) -> int:
    """Return how many pending online orders nobody who counts has seen within their tenant's deadline, of all tenants.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_UNACKED)
    assert row is not None
    unacked: int = row["unacked"]
    return unacked
