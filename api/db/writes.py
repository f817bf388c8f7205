"""A write: one call of a function in the database that commits business row, position and event together.

Knows the form of the answer, not what is written.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from backbone.contract.errors import Problem, Violation
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database, Row


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whose write it is, and what makes a second one the same."""

    tenant: str
    key: str | None
    fingerprint: bytes | None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write. `result` is the answer as JSON; `events` are what this very call committed."""

    outcome: str
    replayed: bool
    result: bytes
    events: tuple[Event, ...]


# The event's members are named one by one: a composite column costs a look-up of its type on each connection.
_ANSWER = """
    SELECT w.outcome, w.replayed, w.result, (w.event).epoch, (w.event).seq, (w.event).type,
           (w.event).committed_ms, (w.event).payload
    FROM {call} AS w
"""


def write_call(function: str, arguments: int) -> str:
    """Return the statement that calls a writing function with so many arguments."""
    places = ", ".join(f"${index}" for index in range(1, arguments + 1))
    return _ANSWER.format(call=f"{function}({places})")


async def run_write(database: Database, sql: str, attempt: Attempt, *args: Any) -> Written:
    """Run one write.

    Raises:
        Violation: the event would be over 32 KiB; nothing is written then.
        Unavailable: PostgreSQL; it may or may not have been written, and the same key tells which.
    """
    try:
        rows = await database.fetch(sql, attempt.tenant, attempt.key, attempt.fingerprint, *args)
    except asyncpg.CheckViolationError as exc:
        if "payload" in (exc.constraint_name or ""):
            raise Violation(Problem.EVENT_TOO_LARGE, "an event may have 32768 bytes") from exc
        raise
    # The first row is the answer; each may bring an event.
    return written_of(rows[0], tuple(event_of(row) for row in rows if row["seq"] is not None))


def written_of(row: Row, events: tuple[Event, ...]) -> Written:
    """The answer that a row holds."""
    return Written(row["outcome"], row["replayed"], (row["result"] or "{}").encode(), events)


def event_of(row: Row) -> Event:
    """The event that a row holds."""
    return Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])
