"""Is anybody listening, and does an order wait unseen?"""

from dataclasses import dataclass

from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database
from backbone.eventlog.presence import LEASE_SECONDS

POLL_SECONDS = 45
"""A terminal that has polled within that time is there."""


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """`receivers`: finished JSON, those who are there and whose receipts count. With one of them the shop is
    `accepting`, unless it is `paused`. `oldest_unacked_seconds` is None when nothing is unseen.
    """

    head: Offset
    terminals_online: int
    receivers: str
    accepting: bool
    paused: bool
    paused_reason: str | None
    preparation_minutes: int
    oldest_unacked_seconds: float | None


# A connection whose gateway keeps no readings is of the version before, and has no filter that we know of.
_STATUS = """
    WITH shop AS (
        SELECT s.epoch, s.seq, n.* FROM tenant_streams s JOIN tenants n USING (tenant) WHERE s.tenant = $1
    ), online AS (
        SELECT t.terminal_id, r.types
        FROM terminals t JOIN gateways g USING (gateway)
        LEFT JOIN readings r ON r.reading_id = t.connection_id AND r.stretch = 0
        WHERE t.tenant = $1 AND t.revoked_at IS NULL AND t.connection_id IS NOT NULL
          AND g.renewed_at > clock_timestamp() - make_interval(secs => $2)
    ), there AS (
        SELECT terminal_id, types FROM online
        UNION ALL
        SELECT r.terminal_id, r.types FROM readings r
        WHERE r.tenant = $1 AND r.ended_at IS NULL AND r.polled_at > clock_timestamp() - make_interval(secs => $3)
    ), receivers AS (
        SELECT json_build_object('terminalId', t.terminal_id, 'name', t.name, 'role', t.role) AS receiver, t.created_at
        FROM shop n JOIN terminals t USING (tenant)
        WHERE t.revoked_at IS NULL AND receipt_counts(n.alarm_roles, t.role) AND t.terminal_id IN (
            SELECT terminal_id FROM there WHERE types IS NULL OR 'new_order' = ANY (types)
        )
        UNION ALL
        SELECT json_build_object('webhookId', e.endpoint_id), e.created_at
        FROM shop n JOIN webhook_endpoints e USING (tenant)
        WHERE e.counts AND e.disabled_at IS NULL AND e.failures = 0
          AND (e.types IS NULL OR 'new_order' = ANY (e.types)) AND receipt_counts(n.alarm_roles, 'webhook')
    )
    SELECT n.epoch, n.seq, n.paused, n.paused_reason, n.preparation_minutes, (SELECT count(*) FROM online) AS online,
           NOT n.paused AND EXISTS (SELECT FROM receivers) AS accepting,
           (SELECT coalesce(json_agg(receiver ORDER BY created_at), '[]')::text FROM receivers) AS receivers,
           (
               SELECT extract(epoch FROM clock_timestamp() - min(u.counts_from))::float8 FROM unseen_orders u
               WHERE u.tenant = $1 AND u.seen_at IS NULL AND still_unseen(u) AND u.counts_from <= clock_timestamp()
           ) AS waiting
    FROM shop n
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
        row["receivers"],
        row["accepting"],
        row["paused"],
        row["paused_reason"],
        row["preparation_minutes"],
        row["waiting"],
    )


FRESH_SECONDS = 3600
"""So long after its deadline an unseen order is fresh: its alarms go on, and somebody may yet make it."""


@dataclass(frozen=True, slots=True)
class UnseenOrders:
    """Broadcast, pending orders that nobody who counts has seen within their tenant's deadline, test tenants apart.

    `shops`: the tenants of the fresh ones.
    """

    fresh: int
    old: int
    shops: int


_UNSEEN = """
    SELECT count(*) FILTER (WHERE fresh) AS fresh, count(*) FILTER (WHERE NOT fresh) AS old,
           count(DISTINCT tenant) FILTER (WHERE fresh) AS shops
    FROM (
        SELECT u.tenant, u.counts_from >= now() - make_interval(secs => n.ack_deadline_seconds + $1) AS fresh
        FROM unseen_orders u JOIN tenants n USING (tenant)
        WHERE u.seen_at IS NULL AND (u.partly_at IS NULL OR still_unseen(u))
          AND u.counts_from < now() - make_interval(secs => n.ack_deadline_seconds)
          AND n.disabled_at IS NULL AND NOT n.is_test
    ) unseen
"""


async def count_unseen_orders(database: Database) -> UnseenOrders:
    """Count the orders of all tenants that nobody has seen.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_UNSEEN, FRESH_SECONDS)
    assert row is not None
    return UnseenOrders(row["fresh"], row["old"], row["shops"])
