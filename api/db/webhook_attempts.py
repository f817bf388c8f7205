"""Attempts at webhook endpoints in the database: what each answered, the newest of them, for a week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backbone.eventlog.postgres import Database

KEPT = 50
KEPT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Made:
    """An attempt that was made, and when it began."""

    endpoint: UUID
    at: datetime
    message_id: str
    type: str
    outcome: str
    status: int | None
    milliseconds: int
    answer: str


_NOTE = "SELECT note_attempts($1, $2, $3, $4, $5, $6, $7, $8, $9)"


async def note_attempts(database: Database, made: Sequence[Made]) -> None:
    """Store attempts, in one statement; those at endpoints that are gone are left out.

    Raises:
        Unavailable: PostgreSQL.
    """
    await database.fetch(
        _NOTE,
        [one.endpoint for one in made],
        [one.at for one in made],
        [one.message_id for one in made],
        [one.type for one in made],
        [one.outcome for one in made],
        [one.status for one in made],
        [one.milliseconds for one in made],
        [one.answer for one in made],
        KEPT,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """An attempt as its shop sees it. `id` is the message's `webhook-id`; `status` is None without an answer."""

    at: str
    id: str
    type: str
    outcome: str
    status: int | None
    milliseconds: int
    answer: str


# The endpoint's own row comes along without attempts, so that none is told from no endpoint.
_LIST = """
    SELECT rfc3339(a.at) AS at, a.message_id AS id, a.type, a.outcome, a.status, a.milliseconds, a.answer
    FROM webhook_endpoints e LEFT JOIN LATERAL (
        SELECT * FROM webhook_attempts a
        WHERE a.endpoint_id = e.endpoint_id AND a.at > clock_timestamp() - make_interval(days => $3)
        ORDER BY a.at DESC, a.attempt_id DESC LIMIT $4
    ) a ON true
    WHERE e.tenant = $1 AND e.endpoint_id = $2
"""


async def list_attempts(database: Database, tenant: str, endpoint: UUID) -> list[Shown] | None:
    """Return the last attempts at an endpoint, newest first; None when the tenant has none by this id.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_LIST, tenant, endpoint, KEPT_DAYS, KEPT)
    if not rows:
        return None
    return [Shown(**dict(row.items())) for row in rows if row["at"] is not None]


_FORGET = """
    WITH old AS (
        SELECT endpoint_id, at, attempt_id FROM webhook_attempts WHERE at < now() - make_interval(days => $1)
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM webhook_attempts a USING old
        WHERE (a.endpoint_id, a.at, a.attempt_id) = (old.endpoint_id, old.at, old.attempt_id) RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
"""


async def forget_attempts(database: Database, limit: int) -> int:
    """Delete up to `limit` attempts that are a week old; returns how many went. Raises Unavailable."""
    row = await database.fetch_row(_FORGET, KEPT_DAYS, limit)
    assert row is not None
    gone: int = row["gone"]
    return gone
