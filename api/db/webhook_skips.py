"""Where an endpoint stands, what comes next for it, and the step past that without a delivery."""

from dataclasses import dataclass
from uuid import UUID

from api.db.audit_trail import Entry, noted_where
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint's position, how often in a row what comes behind it failed, and the next event of its filter."""

    position: Offset
    failures: int
    next: Offset | None


_STANDING = """
    SELECT e.epoch, e.seq, e.failures, n.epoch AS next_epoch, n.seq AS next_seq
    FROM webhook_endpoints e JOIN tenant_streams s USING (tenant) LEFT JOIN LATERAL (
        SELECT l.epoch, l.seq FROM pos_sync_logs l
        WHERE l.tenant = e.tenant AND l.seq > e.seq AND l.seq <= s.seq
          AND event_passes(e.types, e.stations, e.categories, l.type, l.stations, l.categories)
        ORDER BY l.seq LIMIT 1
    ) n ON true
    WHERE e.tenant = $1 AND e.endpoint_id = $2
"""


async def endpoint_standing(database: Database, tenant: str, endpoint: UUID) -> Standing | None:
    """Return where an endpoint stands; None when the tenant has none by this id.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_STANDING, tenant, endpoint)
    if row is None:
        return None
    following = None if row["next_seq"] is None else Offset(row["next_epoch"], row["next_seq"])
    return Standing(Offset(row["epoch"], row["seq"]), row["failures"], following)


# The lease goes, too: an attempt under way at the message that is passed by moves nothing, and gives no receipt.
_SKIP = f"""
    WITH moved AS (
        UPDATE webhook_endpoints
        SET epoch = $5, seq = $6, failures = 0, refusals = 0, next_attempt_at = clock_timestamp(), lease = NULL,
            leased_until = NULL
        WHERE tenant = $1 AND endpoint_id = $2 AND epoch = $3 AND seq = $4 AND failures > 0
        RETURNING endpoint_id
    ), {noted_where("moved", 7)}
    SELECT endpoint_id FROM moved
"""  # noqa: S608 - put together from constants


async def skip_message(
    database: Database, tenant: str, endpoint: UUID, standing: Standing, to: Offset, entry: Entry
) -> bool:
    """Move an endpoint that stands so to `to`, and note it; False when it stands differently by now.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(
        _SKIP, tenant, endpoint, *standing.position, to.epoch, to.seq, *entry.values
    )
    return row is not None
