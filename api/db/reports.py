"""Daily reports in the database."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from backbone.eventlog.postgres import Database

_STORE = """
    INSERT INTO pos_daily_reports (tenant, terminal_id, business_date, totals) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant, business_date, terminal_id)
    DO UPDATE SET totals = excluded.totals, received_at = clock_timestamp()
"""


async def store_report(
    database: Database, tenant: str, terminal: UUID, business_date: date, totals: str
) -> None:
    """Keep a till's totals of a day; they replace those it sent before.

    Raises:
        Unavailable: PostgreSQL.
    """
    await database.fetch(_STORE, tenant, terminal, business_date, totals)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One till's day; `totals` is the JSON object that it sent."""

    terminal_id: UUID
    name: str
    business_date: date
    received_at: str
    totals: str


_LIST = """
    SELECT r.terminal_id, t.name, r.business_date, rfc3339(r.received_at) AS received_at, r.totals
    FROM pos_daily_reports r JOIN terminals t USING (tenant, terminal_id)
    WHERE r.tenant = $1 AND r.business_date BETWEEN $2 AND $3
    ORDER BY r.business_date DESC, t.created_at, r.terminal_id LIMIT $4
"""

_KNOWN = "SELECT 1 FROM tenants WHERE tenant = $1"

REPORTS_SHOWN = 1000


async def list_reports(database: Database, tenant: str, first: date, last: date) -> list[StoredReport] | None:
    """Return the reports of these days, newest day first; None when there is no such tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_LIST, tenant, first, last, REPORTS_SHOWN)
    if not rows and await database.fetch_row(_KNOWN, tenant) is None:
        return None
    return [StoredReport(**dict(row.items())) for row in rows]
