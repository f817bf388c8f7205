"""Which terminal is connected where, as the log of record knows it.

A terminal is online while it has a connection and that connection's gateway keeps renewing its lease; so a gateway that
dies takes its terminals offline without a word, and the cost is one row a gateway, not one a terminal.

Why: docs/decisions/0005-leases-not-heartbeats.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backbone.eventlog.postgres import Database

LEASE_SECONDS = 10
"""A lease that was not renewed for so long is over."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A terminal's new connection at a gateway."""

    terminal: UUID
    connection: UUID
    at: datetime


_RENEW = """
    INSERT INTO gateways (gateway, renewed_at, readings) VALUES ($1, clock_timestamp(), true)
    ON CONFLICT (gateway) DO UPDATE SET renewed_at = excluded.renewed_at, readings = true
"""


async def renew_lease(database: Database, gateway: str) -> None:
    """Say that this gateway is alive, and keeps readings.

    Raises:
        Unavailable: PostgreSQL.
    """
    await database.fetch(_RENEW, gateway)


# The newest connection counts, whichever gateway writes first.
# Rows are locked in one order, here, below and in acks.py, so that gateways cannot wait for each other in a ring.
_ARRIVE = """
    WITH news AS (
        SELECT a.* FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS a (terminal_id, connection_id, at)
        JOIN terminals t USING (terminal_id) ORDER BY terminal_id FOR UPDATE OF t
    )
    UPDATE terminals t
    SET gateway = $1, connection_id = news.connection_id, connected_at = news.at, last_seen = news.at,
        changed_at = clock_timestamp()
    FROM news
    WHERE t.terminal_id = news.terminal_id AND (t.connected_at IS NULL OR t.connected_at <= news.at)
"""


async def record_arrivals(database: Database, gateway: str, arrivals: Sequence[Arrival]) -> None:
    """Record new connections, in one statement.

    Raises:
        Unavailable: PostgreSQL.
    """
    await database.fetch(
        _ARRIVE,
        gateway,
        [a.terminal for a in arrivals],
        [a.connection for a in arrivals],
        [a.at for a in arrivals],
    )


_DEPART = """
    WITH gone AS (
        SELECT d.* FROM unnest($1::uuid[], $2::uuid[]) AS d (terminal_id, connection_id)
        JOIN terminals t USING (terminal_id) ORDER BY terminal_id FOR UPDATE OF t
    )
    UPDATE terminals t SET connection_id = NULL, last_seen = clock_timestamp()
    FROM gone WHERE t.terminal_id = gone.terminal_id AND t.connection_id = gone.connection_id
"""


async def record_departures(database: Database, departures: Sequence[tuple[UUID, UUID]]) -> None:
    """Record that `(terminal, connection)` are gone, in one statement; those replaced since are left alone.

    Raises:
        Unavailable: PostgreSQL.
    """
    await database.fetch(_DEPART, [terminal for terminal, _ in departures], [own for _, own in departures])
