"""Which terminal is connected where, as the log of record knows it.

A terminal is online while it has a connection and that connection's gateway keeps renewing its lease; so a gateway that
dies takes its terminals offline without a word, and the cost is one row a gateway, not one a terminal. One that is back
under its name before that says so itself: the connections of the process before are over.

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


# When the process before was last heard of is read before this one's lease is.
_BEFORE = """
    SELECT t.terminal_id, t.connection_id, g.renewed_at FROM gateways g JOIN terminals t USING (gateway)
    WHERE g.gateway = $1 AND t.connection_id IS NOT NULL
    ORDER BY t.terminal_id
"""

# Readings are left as they are: how far such a stream had come is not known.
_END = """
    WITH gone AS (
        SELECT d.* FROM unnest($1::uuid[], $2::uuid[]) AS d (terminal_id, connection_id)
        JOIN terminals t USING (terminal_id) ORDER BY terminal_id FOR UPDATE OF t
    )
    UPDATE terminals t SET connection_id = NULL, last_seen = greatest(t.last_seen, $3::timestamptz)
    FROM gone WHERE t.terminal_id = gone.terminal_id AND t.connection_id = gone.connection_id
"""
CONNECTIONS_A_STATEMENT = 1000


async def end_connections_before(database: Database, gateway: str) -> int:
    """Record that the connections of a former process of this name are gone; returns how many those were.

    For a process that has recorded none of its own yet, nor a lease. They were last seen when the former one renewed
    its lease for the last time; those that came elsewhere since are left alone.

    Raises:
        Unavailable: PostgreSQL; then it may be called again.
    """
    rows = await database.fetch(_BEFORE, gateway)
    for start in range(0, len(rows), CONNECTIONS_A_STATEMENT):
        some = rows[start : start + CONNECTIONS_A_STATEMENT]
        await database.fetch(
            _END,
            [row["terminal_id"] for row in some],
            [row["connection_id"] for row in some],
            some[0]["renewed_at"],
        )
    return len(rows)


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
