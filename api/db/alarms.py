"""Orders that no till has seen in time, and the event that says so."""

from uuid import UUID

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database

# The newest ack of a tenant is the newest of any of its terminals: one till that knows is enough.
_UNSEEN = """
    SELECT o.tenant, o.order_id
    FROM tenants t LEFT JOIN LATERAL (
        SELECT acked_epoch, acked_seq FROM terminals WHERE tenant = t.tenant AND acked_seq IS NOT NULL
        ORDER BY acked_epoch DESC, acked_seq DESC LIMIT 1
    ) a ON true
    JOIN orders o ON o.tenant = t.tenant AND o.status = 'pending' AND o.event_seq IS NOT NULL
         AND o.alarmed_at IS NULL
         AND (o.event_epoch, o.event_seq) > (coalesce(a.acked_epoch, 0), coalesce(a.acked_seq, 0))
         AND o.created_at < now() - make_interval(secs => t.ack_deadline_seconds)
    WHERE t.disabled_at IS NULL
    ORDER BY o.created_at LIMIT $1
"""


async def unseen_orders(database: Database, limit: int) -> list[tuple[str, UUID]]:
    """Return up to `limit` orders past their tenant's deadline that have no alarm yet, the oldest first.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_UNSEEN, limit)
    return [(row["tenant"], row["order_id"]) for row in rows]


_ALARM = """
    SELECT (e).epoch, (e).seq, (e).type, (e).committed_ms, (e).payload
    FROM (SELECT alarm_order($1, $2) AS e OFFSET 0) made
"""


async def alarm_order(database: Database, tenant: str, order_id: UUID) -> Event | None:
    """Commit an order's alarm; None when it needs none any more, or another pod gives it.

    Raises:
        Unavailable: PostgreSQL; it may or may not have been given, and will not be given twice.
    """
    row = await database.fetch_row(_ALARM, tenant, order_id)
    if row is None or row["seq"] is None:
        return None
    return Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])
