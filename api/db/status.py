"""Is anybody listening, and does an order wait unseen?"""

from dataclasses import dataclass

from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database
from backbone.eventlog.presence import LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """`oldest_unacked_seconds` is None when every pending online order was acked by some terminal."""

    head: Offset
    terminals_online: int
    oldest_unacked_seconds: float | None


# The newest ack of a tenant is the newest of any of its terminals: one till that knows is enough.
_STATUS = """
    SELECT s.epoch, s.seq,
           (
               SELECT count(*) FROM terminals t JOIN gateways g USING (gateway)
               WHERE t.tenant = s.tenant AND t.revoked_at IS NULL AND t.connection_id IS NOT NULL
                 AND g.renewed_at > clock_timestamp() - make_interval(secs => $2)
           ) AS online,
           (
               SELECT extract(epoch FROM clock_timestamp() - min(o.created_at))::float8 FROM orders o
               WHERE o.tenant = s.tenant AND o.status = 'pending' AND o.event_seq IS NOT NULL
                 AND (o.event_epoch, o.event_seq) > (coalesce(a.acked_epoch, 0), coalesce(a.acked_seq, 0))
           ) AS waiting
    FROM tenant_streams s LEFT JOIN LATERAL (
        SELECT acked_epoch, acked_seq FROM terminals WHERE tenant = s.tenant AND acked_seq IS NOT NULL
        ORDER BY acked_epoch DESC, acked_seq DESC LIMIT 1
    ) a ON true
    WHERE s.tenant = $1
"""


async def tenant_status(database: Database, tenant: str) -> TenantStatus | None:
    """Return how a tenant stands; None when there is no such tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_STATUS, tenant, float(LEASE_SECONDS))
    if row is None:
        return None
    return TenantStatus(Offset(row["epoch"], row["seq"]), row["online"], row["waiting"])


_UNACKED = """
    SELECT count(*) AS unacked
    FROM tenant_streams s JOIN tenants n USING (tenant) LEFT JOIN LATERAL (
        SELECT acked_epoch, acked_seq FROM terminals WHERE tenant = s.tenant AND acked_seq IS NOT NULL
        ORDER BY acked_epoch DESC, acked_seq DESC LIMIT 1
    ) a ON true
    JOIN orders o ON o.tenant = s.tenant AND o.status = 'pending' AND o.event_seq IS NOT NULL
         AND (o.event_epoch, o.event_seq) > (coalesce(a.acked_epoch, 0), coalesce(a.acked_seq, 0))
         AND o.created_at < now() - make_interval(secs => n.ack_deadline_seconds)
"""


async def count_unacked_orders(database: Database) -> int:
    """Return how many pending online orders no terminal acked within their tenant's deadline, of all tenants.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_UNACKED)
    assert row is not None
    unacked: int = row["unacked"]
    return unacked
