"""A write: one call of a function in the database that commits business row, position and event together.

Knows the form of the answer, not what is written.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from backbone.contract.errors import Problem, Violation
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.epochs import enter_epoch
from backbone.eventlog.postgres import Database, EpochOver


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whose write it is, what makes a second one the same, and the trace that it belongs to, if any."""

    tenant: str
    key: str | None
    fingerprint: bytes | None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write. `result` is the answer as JSON; `event` is what this very call committed."""

    outcome: str
    replayed: bool
    result: bytes
    event: Event | None


# The event's members are named one by one: a composite column costs a look-up of its type on each connection.
_ANSWER = """
    SELECT w.outcome, w.replayed, w.result, (w.event).epoch, (w.event).seq, (w.event).type,
           (w.event).committed_ms, (w.event).payload
    FROM {call} AS w
"""


@dataclass(frozen=True, slots=True)
class WriteCall:
    """The statement that calls a writing function, and the same with a trace context as one more argument."""

    plain: str
    traced: str


def write_call(function: str, arguments: int) -> WriteCall:
    """Return the statements that call a writing function with so many arguments, the first of them the tenant."""
    rest = "".join(f", ${index}" for index in range(2, arguments + 1))
    # An argument is evaluated before the function is called, and the setting ends with the statement's transaction.
    traced = (
        f"CASE WHEN set_config('bellwire.traceparent', ${arguments + 1}, true) IS NOT NULL THEN $1::text END"
    )
    return WriteCall(
        _ANSWER.format(call=f"{function}($1{rest})"), _ANSWER.format(call=f"{function}({traced}{rest})")
    )


async def run_write(database: Database, call: WriteCall, attempt: Attempt, *args: Any) -> Written:
    """Run one write.

    Raises:
        Violation: the event would be over 32 KiB; nothing is written then.
        Unavailable: PostgreSQL; it may or may not have been written, and the same key tells which.
    """
    try:
        own = (attempt.tenant, attempt.key, attempt.fingerprint)
        sql, all_args = call.plain, (*own, *args)
        if attempt.traceparent is not None:
            sql, all_args = call.traced, (*all_args, attempt.traceparent)
        try:
            row = await database.fetch_row(sql, *all_args)
        except EpochOver:
            # The first write after a failover: nothing was done, so it is done again in the new epoch, once.
            await enter_epoch(database)
            row = await database.fetch_row(sql, *all_args)
    except asyncpg.CheckViolationError as exc:
        if "payload" in (exc.constraint_name or ""):
            raise Violation(Problem.EVENT_TOO_LARGE, "an event may have 32768 bytes") from exc
        raise
    assert row is not None
    event = None
    if row["seq"] is not None:
        event = Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])
    return Written(row["outcome"], row["replayed"], (row["result"] or "{}").encode(), event)
