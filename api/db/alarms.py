"""Orders that nobody who counts has seen in time, and the events that say so, and that it is over."""

from uuid import UUID

from backbone.contract.event import Event
from backbone.eventlog.log_reads import event_of
from backbone.eventlog.postgres import Database

# An alarm that is due is found by its moment alone, however many orders are pending and seen.
_DUE = """
    SELECT u.tenant, u.order_id FROM unseen_orders u JOIN tenants t USING (tenant)
    WHERE u.alarm_at <= now() AND t.disabled_at IS NULL
    ORDER BY u.alarm_at LIMIT $1
"""


async def due_alarms(database: Database, limit: int) -> list[tuple[str, UUID]]:
    """Return up to `limit` orders whose alarm has a step to make, by tenant and id; what has waited longest first.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_DUE, limit)
    return [(row["tenant"], row["order_id"]) for row in rows]


_ADVANCE = """
    SELECT (e).epoch, (e).seq, (e).type, (e).committed_ms, (e).payload, (e).stations, (e).categories
    FROM (SELECT advance_alarm($1, $2, true) AS e OFFSET 0) made
"""


async def advance_alarm(database: Database, tenant: str, order_id: UUID) -> Event | None:
    """Commit the next step of an order's alarm: the attempt that is due, or that it is over since the order was seen.

    None when there is nothing to say any more, or another pod says it.

    Raises:
        Unavailable: PostgreSQL; it may or may not have been committed, and will not be twice.
    """
    row = await database.fetch_row(_ADVANCE, tenant, order_id)
    if row is None or row["seq"] is None:
        return None
    return event_of(row)
