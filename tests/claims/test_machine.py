"""Claims are what the contract says they are, whatever terminals ask, and wherever the database's clock goes.

The functions are the database's own, but for their clock, which the machine moves.
"""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.claims.book import MOST, Book
from tests.conftest import MakeDatabase

TENANT = "claimed"
ORDERS, TERMINALS = 2, 2
PURPOSES = ("print", "print", "print", "print-bar", "label", "invoice")
BEGIN = datetime(2026, 11, 28, tzinfo=UTC)
CLOCK = "current_setting('machine.clock')::timestamptz"
# The clock is set before the function is called.
SHOP = "CASE WHEN set_config('machine.clock', $1, true) IS NOT NULL THEN $2 END"
CLAIM = f"SELECT outcome, result FROM claim_order({SHOP}, $3, $4, $5, $6, {MOST})"
FINISH = f"SELECT outcome, result FROM finish_claim({SHOP}, $3, $4, $5, $6)"
PLACE = (
    "SELECT place_order($1, NULL, NULL, $2, 'online', 'pickup', 'Ada', NULL, NULL, NULL, 0, '0',"
    " '{}', '{}', '{}', '{}', '{}')"
)
STEP = "SELECT step_order($1, NULL, NULL, $2, $3, ARRAY['pending'], NULL, NULL)"

order_st = st.integers(0, ORDERS - 1)
terminal_st = st.integers(0, TERMINALS - 1)
purpose_st = st.sampled_from(PURPOSES)
time_st = st.sampled_from((1, 30, 3600))


def moment(clock: int) -> datetime:
    return BEGIN + timedelta(seconds=clock)


class Desk:
    """A database of its own, with a shop; every history is rolled back at its end."""

    def __init__(self, make: MakeDatabase) -> None:
        self._loop = asyncio.new_event_loop()
        self.orders = [uuid.uuid4() for _ in range(ORDERS)]
        self.terminals = [uuid.uuid4() for _ in range(TERMINALS)]
        self._database = self._run(self._open(make))

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    async def _open(self, make: MakeDatabase) -> "asyncpg.Connection[asyncpg.Record]":
        database = await asyncpg.connect(await make())
        await database.execute("INSERT INTO tenants (tenant, name) VALUES ($1, $1)", TENANT)
        await database.execute("INSERT INTO tenant_streams (tenant) VALUES ($1)", TENANT)
        for terminal in self.terminals:
            insert = "INSERT INTO terminals (terminal_id, tenant, name) VALUES ($1, $2, 'till')"
            await database.execute(insert, terminal, TENANT)
        for order in self.orders:
            await database.execute(PLACE, TENANT, order)
        for function in ("claim_order", "finish_claim"):
            await self._plant(database, function, "clock_timestamp()", CLOCK)
        return database

    async def _plant(self, database: Any, function: str, right: str, wrong: str) -> None:
        text = await database.fetchval("SELECT pg_get_functiondef($1::regproc)", function)
        assert right in text, f"{function} has changed"
        await database.execute(text.replace(right, wrong))

    def begin(self, fault: tuple[str, str, str] | None) -> Any:
        transaction = self._database.transaction()
        self._run(transaction.start())
        if fault is not None:
            self._run(self._plant(self._database, *fault))
        return transaction

    def end(self, transaction: Any) -> None:
        self._run(transaction.rollback())

    def ask(self, clock: int, statement: str, *values: Any) -> tuple[str, dict[str, Any]]:
        row = self._run(self._database.fetchrow(statement, moment(clock).isoformat(), TENANT, *values))
        return row["outcome"], orjson.loads(row["result"])

    def execute(self, statement: str, *values: Any) -> None:
        self._run(self._database.execute(statement, *values))

    def close(self) -> None:
        self._run(self._database.close())
        self._loop.close()


@pytest.fixture(scope="module")
def desk(migrated_database: MakeDatabase) -> Iterator[Desk]:
    desk = Desk(migrated_database)
    yield desk
    desk.close()


class ClaimMachine(RuleBasedStateMachine):
    """Two terminals, two orders, four purposes of which an order has three at most."""

    desk: Desk
    fault: tuple[str, str, str] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.transaction = self.desk.begin(self.fault)

    def teardown(self) -> None:
        self.desk.end(self.transaction)

    @rule(order=order_st, terminal=terminal_st, purpose=purpose_st, time=time_st)
    def a_terminal_claims(self, order: int, terminal: int, purpose: str, time: int) -> None:
        word, fence, until = self.book.claim(order, terminal, purpose, time)
        asked = (self.desk.orders[order], self.desk.terminals[terminal], purpose, time)
        outcome, facts = self.desk.ask(self.book.clock, CLAIM, *asked)
        assert outcome == word
        assert facts.get("fence") == fence
        if until is not None:
            assert datetime.fromisoformat(facts["expiresAt"]) == moment(until)
        if word in ("held", "done"):
            holder = self.book.claims[order, purpose].holder
            assert facts["holder"] == {"terminalId": str(self.desk.terminals[holder]), "name": "till"}
        assert facts.get("claimed") is (True if word in ("granted", "taken_over", "renewed") else None)
        assert facts.get("done") is (True if word == "done" else None)

    @rule(order=order_st, terminal=terminal_st, purpose=purpose_st, behind=st.integers(-1, 2))
    def a_terminal_says_that_it_is_done(self, order: int, terminal: int, purpose: str, behind: int) -> None:
        claim = self.book.claims.get((order, purpose))
        fence = max(1, (1 if claim is None else claim.fence) - behind)
        word = self.book.finish(order, terminal, purpose, fence)
        asked = (self.desk.orders[order], self.desk.terminals[terminal], purpose, fence)
        outcome, facts = self.desk.ask(self.book.clock, FINISH, *asked)
        assert outcome == word
        assert facts.get("fence") == (None if claim is None else claim.fence)

    @rule(which=st.integers(0, 9), beside=st.sampled_from((-1, 0, 0, 1)))
    def the_end_of_a_claim_comes(self, which: int, beside: int) -> None:
        ends = [claim.until for claim in self.book.claims.values()]
        if ends:
            self.book.clock = ends[which % len(ends)] + beside

    @rule(seconds=st.sampled_from((1, 30, 100_000)))
    def time_passes(self, seconds: int) -> None:
        self.book.clock += seconds

    @rule(seconds=st.sampled_from((1, 30, 3600, 100_000)))
    def the_clock_is_set_back(self, seconds: int) -> None:
        self.book.clock -= seconds

    @rule(order=order_st)
    def an_order_is_cancelled(self, order: int) -> None:
        if order not in self.book.cancelled:
            self.desk.execute(STEP, TENANT, self.desk.orders[order], "cancelled")
            self.book.cancelled.add(order)

    @invariant()
    def no_fence_was_ever_two_terminals(self) -> None:
        assert all(len(terminals) == 1 for terminals in self.book.given.values())


def walk(desk: Desk, fault: tuple[str, str, str] | None, examples: int) -> None:
    machine = type("Walk", (ClaimMachine,), {"desk": desk, "fault": fault})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, database=None, derandomize=True,
            suppress_health_check=[*HealthCheck], phases=[Phase.generate], report_multiple_bugs=False,
        ),
    )  # fmt: skip


def test_whatever_is_asked_and_wherever_the_clock_goes_claims_are_as_the_contract_has_them(
    desk: Desk,
) -> None:
    walk(desk, None, 40)


FAULTS = [
    ("claim_order", "held.expires_at <= moment", "held.expires_at < moment"),
    ("claim_order", "fence = fence + 1", "fence = fence"),
    ("claim_order", "held.done_at IS NOT NULL", "false"),
    ("claim_order", "order_status = 'cancelled'", "false"),
    ("finish_claim", "p_fence < held.fence", "false"),
    ("finish_claim", "held.terminal_id <> p_terminal", "false"),
]
RARE_FAULTS = [
    ("claim_order", "held.expires_at <= moment", "false"),
    ("claim_order", ">= p_most", "> p_most"),
    ("claim_order", "AND moment + wanted > held.expires_at", ""),
    (
        "claim_order",
        "least(held.expires_at, moment + make_interval(secs => held.ttl_seconds))",
        "held.expires_at",
    ),
    ("claim_order", "held.ttl_seconds := p_ttl_seconds", "held.ttl_seconds := 1"),
    ("claim_order", "AND purpose = p_purpose;\n    IF NOT FOUND", ";\n    IF NOT FOUND"),
    ("finish_claim", "p_fence > held.fence", "false"),
    ("finish_claim", "held.done_at IS NOT NULL THEN\n        outcome", "false THEN\n        outcome"),
]


@pytest.mark.parametrize(
    "fault",
    [*FAULTS, *(pytest.param(fault, marks=pytest.mark.long) for fault in RARE_FAULTS)],
    ids=lambda fault: f"{fault[1].splitlines()[0]} as {fault[2].strip() or 'nothing'}",
)
def test_the_machine_sees_a_fault(desk: Desk, fault: tuple[str, str, str]) -> None:
    with pytest.raises(AssertionError):
        walk(desk, fault, 200)
