"""Orders that no till has seen in time, and the event that says so."""

from uuid import UUID

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database

# An alarm that is due is found by its moment alone, however many orders are pending and seen.
_UNSEEN = """
    SELECT u.tenant, u.order_id FROM unseen_orders u JOIN tenants t USING (tenant)
    WHERE u.alarm_at <= now() AND u.attempt = 0 AND u.seen_at IS NULL AND t.disabled_at IS NULL
    ORDER BY u.alarm_at LIMIT $1
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
