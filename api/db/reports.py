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


# A page ends where its totals have so many bytes, not before its first report. One more tells whether there is more.
_LIST = """
    SELECT p.terminal_id, p.name, p.business_date, rfc3339(p.received_at) AS received_at, p.totals,
           p.number < p.found AS more
    FROM (
        SELECT r.*, row_number() OVER newest AS number, count(*) OVER () AS found,
               sum(octet_length(r.totals)) OVER newest AS bytes
        FROM (
            SELECT r.terminal_id, t.name, t.created_at, r.business_date, r.received_at, r.totals
            FROM pos_daily_reports r JOIN terminals t USING (tenant, terminal_id)
            WHERE r.tenant = $1 AND r.business_date BETWEEN $2 AND $3
              AND ($5::date IS NULL OR r.business_date < $5
                   OR (r.business_date = $5 AND (t.created_at, r.terminal_id) > (
                       SELECT l.created_at, l.terminal_id FROM terminals l WHERE l.tenant = $1 AND l.terminal_id = $6
                   )))
            ORDER BY r.business_date DESC, t.created_at, r.terminal_id LIMIT $4 + 1
        ) r
        WINDOW newest AS (ORDER BY r.business_date DESC, r.created_at, r.terminal_id)
    ) p
    WHERE p.number = 1 OR (p.number <= $4 AND p.bytes <= $7)
    ORDER BY p.number
"""

_KNOWN = "SELECT 1 FROM tenants WHERE tenant = $1"
_TODAY = "SELECT shop_today($1) AS today"

REPORTS_SHOWN = 1000
PAGE_BYTES = 1 << 20


async def shop_today(database: Database, tenant: str) -> date | None:
    """Return the date where the shop is; None when there is no such tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_TODAY, tenant)
    assert row is not None
    today: date | None = row["today"]
    return today


async def list_reports(
    database: Database, tenant: str, first: date, last: date, behind: tuple[date, UUID] | None
) -> tuple[list[StoredReport], bool] | None:
    """Return a page of the reports of these days, newest day first, and whether there are more behind it.

    `behind` is the last report of the page before, by its day and its terminal. None when there is no such tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    day, terminal = behind or (None, None)
    rows = await database.fetch(_LIST, tenant, first, last, REPORTS_SHOWN, day, terminal, PAGE_BYTES)
    if not rows and await database.fetch_row(_KNOWN, tenant) is None:
        return None
    reports = [
        StoredReport(row["terminal_id"], row["name"], row["business_date"], row["received_at"], row["totals"])
        for row in rows
    ]
    return reports, bool(rows) and rows[-1]["more"]
