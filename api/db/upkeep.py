"""Statements that keep the database from growing and from running out of days. Any number of pods may do it at once."""

from datetime import date

from backbone.eventlog.postgres import Database

_ENSURE = "SELECT ensure_event_partitions($1, $2)"


async def ensure_partitions(database: Database, first: date, days: int) -> None:
    """Make the event log's daily partitions that are missing. Raises Unavailable."""
    await database.fetch(_ENSURE, first, days)


_DROP = "SELECT drop_event_partitions($1) AS dropped"


async def drop_partitions(database: Database, before: date) -> int:
    """Drop the days that lie wholly before `before`; returns how many went. Raises Unavailable."""
    row = await database.fetch_row(_DROP, before)
    assert row is not None
    dropped: int = row["dropped"]
    return dropped


# Rows that another pod is deleting are passed over, so nobody waits for anybody.
_FORGET_KEYS = """
    WITH old AS (
        SELECT tenant, key FROM idempotency_keys WHERE created_at < now() - make_interval(days => $1)
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM idempotency_keys k USING old WHERE k.tenant = old.tenant AND k.key = old.key RETURNING 1
    ), further AS (
        SELECT tenant, key, owner FROM further_idempotency_keys WHERE created_at < now() - make_interval(days => $1)
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), further_gone AS (
        DELETE FROM further_idempotency_keys k USING further f
        WHERE k.tenant = f.tenant AND k.key = f.key AND k.owner = f.owner RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM further_gone) AS gone
"""

_FORGET_ACKS = """
    WITH old AS (
        SELECT terminal_id, acked_seq FROM terminal_acks WHERE acked_at < now() - make_interval(days => $1)
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM terminal_acks a USING old
        WHERE a.terminal_id = old.terminal_id AND a.acked_seq = old.acked_seq RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
"""


# A function of the owner's: no pod takes rows of the audit trail away by itself, nor any younger than 400 days.
_FORGET_AUDIT = "SELECT forget_audit($1, $2) AS gone"

_FORGET_COVERAGE = """
    WITH old AS (
        SELECT terminal_id, to_seq, reading_id, stretch FROM coverage
        WHERE acked_at < now() - make_interval(days => $1) LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM coverage c USING old
        WHERE (c.terminal_id, c.to_seq, c.reading_id, c.stretch)
            = (old.terminal_id, old.to_seq, old.reading_id, old.stretch) RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
"""

_FORGET_RECEIPTS = """
    WITH old AS (
        SELECT order_id, receiver FROM order_receipts WHERE acked_at < now() - make_interval(days => $1)
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM order_receipts r USING old
        WHERE r.order_id = old.order_id AND r.receiver = old.receiver RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
"""

# A reading that began long ago may go on: a stream while its gateway lives, a chain of polls while somebody polls.
_FORGET_READINGS = """
    WITH old AS (
        SELECT r.reading_id, r.stretch FROM readings r LEFT JOIN gateways g ON g.gateway = r.gateway
        WHERE r.began_at < now() - make_interval(days => $1)
          AND coalesce(r.ended_at, r.polled_at, g.renewed_at, r.began_at) < now() - make_interval(days => $1)
        LIMIT $2 FOR UPDATE OF r SKIP LOCKED
    ), gone AS (
        DELETE FROM readings r USING old
        WHERE r.reading_id = old.reading_id AND r.stretch = old.stretch RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
"""

_BLANK_ADDRESSES = """
    WITH old AS (
        SELECT reading_id, stretch FROM readings
        WHERE began_at < now() - make_interval(days => $1) AND address IS NOT NULL LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        UPDATE readings r SET address = NULL FROM old
        WHERE r.reading_id = old.reading_id AND r.stretch = old.stretch RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
"""


_FORGET_TICKETS = """
    WITH old AS (
        SELECT ticket_hash FROM tickets WHERE expires_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM tickets w USING old WHERE w.ticket_hash = old.ticket_hash RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
"""


async def forget_tickets(database: Database, limit: int) -> int:
    """Delete up to `limit` tickets that are too old; returns how many went. Raises Unavailable."""
    return await _count(database, _FORGET_TICKETS, limit)


async def forget_audit(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` rows of the audit trail older than `days`; returns how many went. Raises Unavailable."""
    return await _count(database, _FORGET_AUDIT, days, limit)


async def forget_idempotency_keys(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` answers older than `days`; returns how many went. Raises Unavailable."""
    return await _count(database, _FORGET_KEYS, days, limit)


async def forget_acks(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` acks older than `days`; returns how many went. Raises Unavailable."""
    return await _count(database, _FORGET_ACKS, days, limit)


async def forget_coverage(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` words of terminals older than `days`; returns how many went. Raises Unavailable."""
    return await _count(database, _FORGET_COVERAGE, days, limit)


async def forget_receipts(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` receipts of lists and webhooks likewise. Raises Unavailable."""
    return await _count(database, _FORGET_RECEIPTS, days, limit)


async def forget_readings(database: Database, days: int, limit: int) -> int:
    """Delete up to `limit` readings that ended `days` ago; returns how many went. Raises Unavailable."""
    return await _count(database, _FORGET_READINGS, days, limit)


async def blank_addresses(database: Database, days: int, limit: int) -> int:
    """Take the address from up to `limit` readings that began `days` ago. Raises Unavailable."""
    return await _count(database, _BLANK_ADDRESSES, days, limit)


async def _count(database: Database, sql: str, *bounds: int) -> int:
    row = await database.fetch_row(sql, *bounds)
    assert row is not None
    gone: int = row["gone"]
    return gone
