"""Tickets in the database, as they are made."""

from uuid import UUID

from backbone.contract.tickets import LIFE_SECONDS
from backbone.eventlog.postgres import Database

MAX_OPEN = 50
"""So many tickets of a terminal are kept; of more the oldest go."""

# Another pod's statement may be at one of those that go: it is passed over, so that nobody waits for anybody.
_CREATE = f"""
    WITH surplus AS (
        SELECT ticket_hash FROM tickets WHERE terminal_id = $3 ORDER BY expires_at DESC OFFSET {MAX_OPEN - 1}
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM tickets w USING surplus WHERE w.ticket_hash = surplus.ticket_hash
    )
    INSERT INTO tickets (ticket_hash, key_hash, terminal_id, expires_at)
    VALUES ($1, $2, $3, clock_timestamp() + interval '{LIFE_SECONDS} seconds')
    RETURNING rfc3339(expires_at) AS expires_at
"""  # noqa: S608 - put together from constants


async def create_ticket(database: Database, ticket_hash: bytes, key_hash: bytes, terminal: UUID) -> str:
    """Keep a new ticket of a terminal's key; returns until when it is good, in RFC 3339.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_CREATE, ticket_hash, key_hash, terminal)
    assert row is not None
    expires_at: str = row["expires_at"]
    return expires_at
