"""A write: one call of a function in the database that commits business row, position and event together.

Knows the form of the answer, not what is written.

Why: docs/decisions/0003-one-statement-writes.md
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import asyncpg

from backbone.contract.errors import BellwireError, Problem, Violation
from backbone.contract.event import Event
from backbone.eventlog.epochs import enter_epoch
from backbone.eventlog.log_reads import event_of
from backbone.eventlog.postgres import Database, EpochOver, Row


@dataclass(frozen=True, slots=True)
class Attempt:
    """The tenant of a write, the key that makes a second one the same, and the trace that it belongs to, if any.

    `by` is who writes: `kind/terminal/key`, the middle empty but for terminals. A key belongs to a terminal, or to all
    keys of another kind together. `most_answers` is how many answers the tenant may have stored; None is any number.
    `currency` is the one in which the request's amounts were read, `-` for none; empty where it has no amounts.
    """

    tenant: str
    key: str | None
    fingerprint: bytes | None
    traceparent: str | None = None
    by: str = ""
    most_answers: int | None = None
    currency: str = ""

    def arguments(self, *rest: Any, phone: str = "") -> tuple[Any, ...]:
        """The arguments of a writing function: these three, the function's own, and what goes into settings: the trace
        context, who writes, how many answers may be stored, what was read of an order's phone, and the currency.
        """
        most = "" if self.most_answers is None else str(self.most_answers)
        return (
            self.tenant,
            self.key,
            self.fingerprint,
            *rest,
            self.traceparent,
            self.by,
            most,
            phone,
            self.currency,
        )

    @property
    def owned_key(self) -> tuple[str, str] | None:
        """The key and its owner, by which a repeat of it in this pod is known."""
        if self.key is None:
            return None
        kind, terminal = self.by.split("/")[:2] if self.by else ("", "")
        return self.key, terminal or kind


def writer(made_by: str) -> str:
    """Return the SQL that says who writes, as the contract's `by`, from a column that keeps it (`Attempt.by`)."""
    return f"""
        CASE WHEN {made_by} LIKE 'term/%' THEN (
                 SELECT json_build_object('kind', 'term', 'terminalId', m.terminal_id, 'name', m.name)
                 FROM terminals m WHERE m.terminal_id = split_part({made_by}, '/', 2)::uuid
             )
             WHEN {made_by} LIKE '%/%/%' THEN json_build_object(
                 'kind', split_part({made_by}, '/', 1), 'keyId', split_part({made_by}, '/', 3)
             ) END
    """  # noqa: S608 - put together from constants


class AnswersFull(BellwireError):
    """The tenant of a write has as many answers stored as it may have."""


class OtherCountry(BellwireError):
    """An order's phone number has to be read in the tenant's `country`, which is another one than the pod took."""

    def __init__(self, country: str | None) -> None:
        super().__init__("the number has to be read in another country")
        self.country = country


class OtherCurrency(BellwireError):
    """A request's amounts have to be read in the tenant's `currency`, which is another one than the pod took."""

    def __init__(self, currency: str | None) -> None:
        super().__init__("the amounts have to be read in another currency")
        self.currency = currency


class DayOver(BellwireError):
    """A gift card's last day has passed where the shop is."""


NO_CURRENCY = "-"
_ANSWERS_FULL = "BW429"
_OTHER_COUNTRY = "BW002"
_DAY_OVER = "BW003"
_OTHER_CURRENCY = "BW004"


class WriteOutcome(StrEnum):
    """The answers of the database's writing functions; the migrations name these and no others."""

    OK = "ok"
    STILL_RUNNING = "still_running"
    KEY_REUSED = "key_reused"
    ANSWERS_FULL = "answers_full"
    NOT_FOUND = "not_found"
    WRONG_STEP = "wrong_step"
    EXPIRED = "expired"
    INSUFFICIENT = "insufficient"
    UNKNOWN_SOURCE = "unknown_source"
    EXTERNAL_ID_TAKEN = "external_id_taken"
    NO_ORDER = "no_order"
    ORDER_CANCELLED = "order_cancelled"
    VOIDED = "voided"
    NOT_REDEEMED = "not_redeemed"
    TOO_MANY = "too_many"
    OVERPAID = "overpaid"
    REFUND_TOO_HIGH = "refund_too_high"
    TOO_MANY_PAYMENTS = "too_many_payments"


_OUTCOMES = {outcome.value: outcome for outcome in WriteOutcome}


@dataclass(frozen=True, slots=True)
class Written:
    """The end of a write. `result` is the answer as JSON; `events` are what this very call committed."""

    outcome: WriteOutcome
    replayed: bool
    result: bytes
    events: tuple[Event, ...]


_AS_IT_IS: Mapping[int, str] = {}
# The event's members are named one by one: a composite column costs a look-up of its type on each connection.
_ANSWER = """
    SELECT {number} AS number, w.outcome, w.replayed, w.result, (w.event).epoch, (w.event).seq, (w.event).type,
           (w.event).committed_ms, (w.event).payload, (w.event).stations, (w.event).categories
    FROM {call} AS w
"""


def write_call(function: str, arguments: int, calls: int = 1, written: Mapping[int, str] = _AS_IT_IS) -> str:
    """Return the statement that calls a writing function with so many arguments, so many times, one after another.

    One statement is one transaction: its calls are committed together or not at all. Each call's places are those of
    `Attempt.arguments`: the last five go into settings before the function is called. `written` says of some arguments,
    by number from 0, what stands in the call: SQL in which `%s` is the place; without it there is no such place.
    """
    forms = [written.get(argument, "%s") for argument in range(1, arguments)]
    places = 1 + sum("%s" in form for form in forms)
    selects = []
    for number in range(calls):
        first = number * (places + 5) + 1
        traceparent = first + places
        tenant = (
            f"CASE WHEN set_config('bellwire.traceparent', coalesce(${traceparent}, ''), true) IS NOT NULL"
            f" AND set_config('bellwire.by', ${traceparent + 1}, true) IS NOT NULL"
            f" AND set_config('bellwire.most_answers', ${traceparent + 2}, true) IS NOT NULL"
            f" AND set_config('bellwire.phone', ${traceparent + 3}, true) IS NOT NULL"
            f" AND set_config('bellwire.currency', ${traceparent + 4}, true) IS NOT NULL THEN ${first}::text END"
        )
        place = itertools.count(first + 1)
        rest = "".join(", " + (form % f"${next(place)}" if "%s" in form else form) for form in forms)
        selects.append(_ANSWER.format(number=number, call=f"{function}({tenant}{rest})"))
    return " UNION ALL ".join(selects)


async def run_write(database: Database, sql: str, attempt: Attempt, *args: Any) -> Written:
    """Run one write. Raises as `run_writes`."""
    return (await run_writes(database, sql, 1, *attempt.arguments(*args)))[0]


async def run_writes(database: Database, sql: str, calls: int, *args: Any) -> list[Written]:
    """Run a statement of so many calls, and return what became of each.

    Raises:
        Violation: the event would be over 32 KiB; nothing is written then.
        AnswersFull: the tenant has as many answers stored as it may have; nothing is written then.
        OtherCountry, OtherCurrency, DayOver: as they say; nothing is written then.
        Unavailable: PostgreSQL; it may or may not have been written, and the same key tells which.
    """
    try:
        try:
            rows = await database.fetch(sql, *args)
        except EpochOver:
            # The first write after a failover: nothing was done, so it is done again in the new epoch, once.
            await enter_epoch(database)
            rows = await database.fetch(sql, *args)
    except asyncpg.CheckViolationError as exc:
        if "payload" in (exc.constraint_name or ""):
            raise Violation(Problem.EVENT_TOO_LARGE, "an event may have 32768 bytes") from exc
        raise
    except asyncpg.PostgresError as exc:
        if exc.sqlstate == _ANSWERS_FULL:
            raise AnswersFull from exc
        if exc.sqlstate == _OTHER_COUNTRY:
            raise OtherCountry(exc.detail or None) from exc
        if exc.sqlstate == _OTHER_CURRENCY:
            raise OtherCurrency(None if exc.detail == NO_CURRENCY else exc.detail) from exc
        if exc.sqlstate == _DAY_OVER:
            raise DayOver from exc
        raise
    if calls == 1:
        return [_written_of(rows)]
    return [_written_of([row for row in rows if row["number"] == number]) for number in range(calls)]


def _written_of(rows: Sequence[Row]) -> Written:
    """Read the rows of one call: the first is the answer, and each may bring an event."""
    answer = rows[0]
    events = tuple([event_of(row) for row in rows if row["seq"] is not None])
    return Written(
        _OUTCOMES[answer["outcome"]], answer["replayed"], (answer["result"] or "{}").encode(), events
    )
