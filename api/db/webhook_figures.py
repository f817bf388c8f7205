"""How many webhook endpoints wait or refuse, of all shops; test tenants are left out."""

from dataclasses import dataclass

from backbone.eventlog.postgres import Database


@dataclass(frozen=True, slots=True)
class WaitingWebhooks:
    """`count`: endpoints with events to deliver that failed at the first of them, or whose turn is 30 s late.

    `late_seconds`: by how much the turn of the longest is late, of those that failed at nothing.
    """

    count: int
    late_seconds: float


# The event's own moment is looked up for those alone that seem late: an endpoint may have had nothing to do for days.
_WAITING = """
    SELECT count(*) FILTER (WHERE e.failures > 0 OR e.late > 30) AS waiting,
           coalesce(max(e.late) FILTER (WHERE e.failures = 0), 0)::float8 AS late
    FROM (
        SELECT e.failures, extract(epoch FROM clock_timestamp() - CASE
            WHEN e.failures > 0 OR e.since > clock_timestamp() - interval '30 seconds' THEN e.since
            ELSE greatest(e.since, (
                SELECT min(l.committed_at) FROM pos_sync_logs l WHERE l.tenant = e.tenant AND l.seq = e.seq + 1
            ))
        END) AS late
        FROM (
            SELECT e.tenant, e.seq, e.failures, greatest(e.next_attempt_at, e.last_attempt_at, e.leased_until) AS since
            FROM webhook_endpoints e JOIN tenant_streams s USING (tenant) JOIN tenants n USING (tenant)
            WHERE e.disabled_at IS NULL AND n.disabled_at IS NULL AND NOT n.is_test
              AND (e.epoch, e.seq) < (s.epoch, s.seq)
        ) e
    ) e
"""


async def waiting_webhooks(database: Database) -> WaitingWebhooks:
    """Look at the endpoints that have something to deliver.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_WAITING)
    assert row is not None
    return WaitingWebhooks(row["waiting"], row["late"])


_REFUSING = """
    SELECT count(*) AS refusing FROM webhook_endpoints e JOIN tenants n USING (tenant)
    WHERE e.refusals > 1 AND e.failures > 1 AND e.disabled_at IS NULL AND n.disabled_at IS NULL AND NOT n.is_test
"""


async def count_refusing(database: Database) -> int:
    """Count the endpoints that refused what comes next twice in a row or more, those of test tenants left out.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_REFUSING)
    assert row is not None
    refusing: int = row["refusing"]
    return refusing
