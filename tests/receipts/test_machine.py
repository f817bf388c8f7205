"""A receipt is proof: whatever terminals, gateways and polls go through, none is false, and none that is due is missed.

The judge is what the terminals of `tests.receipts.world` held when they acked; the rows and rules are PostgreSQL's own.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.db.migrate import migrate
from infra.local.postgres import Postgres
from tests.receipts.histories import history_of, shortest
from tests.receipts.noted import NotedWorld
from tests.receipts.world import Connection, Step, World

STREAMS = (
    "order", "visit", "visit", "connect", "send", "receive", "ack", "die", "notice", "flush", "send_dead", "land",
)  # fmt: skip
POLLS = ("order", "polled", "polled", "poll", "poll_ack", "land")
BOOKED = (*STREAMS, *POLLS, "shown", "careless", "crash", "phantom", "poll_ack unnamed")
ALL = (*BOOKED, "fork", "trim")
SEED = st.integers(0, (1 << 32) - 1)
ROLES = st.sampled_from((None, None, ["kitchen"]))
Run = Callable[[World, list[Step]], None]


class Judge:
    """A database of its own, and a connection on which every history is rolled back at its end.

    `receipts` counts those of all that were played.
    """

    def __init__(self, server: Postgres) -> None:
        self.receipts = 0
        self._loop = asyncio.new_event_loop()
        self._run(migrate(server.url))
        self._database: Connection = self._run(asyncpg.connect(server.url))

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        self._run(self._database.close())
        self._loop.close()

    def play(
        self,
        steps: list[Step],
        roles: list[str] | None = None,
        fault: str = "",
        sql: tuple[str, str, str] | None = None,
        *,
        world: type[World] = World,
    ) -> None:
        """Play a history; an assertion fails where the rows claim what is not so, or miss what is due."""
        self._run(self._play(steps, roles, fault, sql, world))

    def play_seed(
        self, seed: int, kinds: tuple[str, ...], roles: list[str] | None = None, *, world: type[World] = World
    ) -> None:  # fmt: skip
        """Play the history of a seed; where it fails, the shortest part of it that does is told."""

        def fault_of(steps: list[Step]) -> str:
            try:
                self.play(steps, roles, world=world)
            except AssertionError as exc:
                return str(exc).partition("\n")[0]
            return ""

        steps = history_of(seed, kinds)
        if fault_of(steps):
            steps = shortest(steps, lambda some: bool(fault_of(some)))
            raise AssertionError(f"{fault_of(steps)} in {steps}, of seed {seed}")

    async def _play(
        self, steps: list[Step], roles: list[str] | None, fault: str, sql: tuple[str, str, str] | None,
        kind: type[World],
    ) -> None:  # fmt: skip
        transaction = self._database.transaction()
        await transaction.start()
        try:
            if sql is not None:
                await plant(self._database, *sql)
            world = kind(self._database, fault, roles)
            await world.open()
            await world.play(steps)
            await world.settle()
            await world.play([])
            self.receipts += len(await world.receipts())
            if isinstance(world, NotedWorld):
                await world.complete()
        finally:
            await transaction.rollback()


async def plant(database: Connection, function: str, right: str, wrong: str) -> None:
    """Plant a fault into one of the database's functions."""
    text = await database.fetchval("SELECT pg_get_functiondef($1::regproc)", function)
    assert right in text, f"{function} has changed"
    await database.execute(text.replace(right, wrong))


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    server = Postgres()
    server.start()
    judge = Judge(server)
    yield judge
    judge.close()
    server.stop()


quick = settings(
    max_examples=100, deadline=None, database=None, suppress_health_check=[*HealthCheck], derandomize=True,
    phases=[Phase.generate],
)  # fmt: skip


@quick
@given(seed=SEED, roles=ROLES)
def test_no_history_has_a_receipt_for_what_its_terminal_did_not_hold(
    judge: Judge, seed: int, roles: list[str] | None
) -> None:
    judge.play_seed(seed, ALL, roles)


@quick
@given(seed=SEED, roles=ROLES)
def test_acks_at_pods_of_the_version_before_give_no_receipt(
    judge: Judge, seed: int, roles: list[str] | None
) -> None:
    judge.play_seed(seed, (*ALL, "old", "old"), roles)


@quick
@given(seed=SEED, kinds=st.sampled_from((BOOKED, STREAMS, POLLS, (*STREAMS, *POLLS))))
def test_receipts_are_those_of_each_terminals_book_whatever_doors_it_comes_through(
    judge: Judge, seed: int, kinds: tuple[str, ...]
) -> None:
    judge.play_seed(seed, kinds, world=NotedWorld)


def test_the_histories_are_of_orders_that_were_given_and_acked(judge: Judge) -> None:
    for seed in range(40):
        judge.play_seed(seed, BOOKED, world=NotedWorld)
    assert judge.receipts > 40


NEWEST = "SELECT reading_id INTO mine FROM readings WHERE terminal_id = p_terminal ORDER BY no DESC LIMIT 1;"
UNREAD = [
    ("order", ""),
    ("connect", 0, "websocket", "new-1", "zero", "all"),
    ("send", 0, 1),
    ("flush", "new-1"),
]
# Each with the shortest history that shows it.
DATABASE_FAULTS: dict[str, tuple[tuple[str, str, str], list[Step]]] = {
    "an ack counts through every filter": (
        ("reading_passes", "(p_types IS NULL", "(true OR p_types IS NULL"),
        [("order", "kitchen"), ("poll", 0, "zero", "no orders", 9, False), ("poll_ack", 0, "no orders", "named")],
    ),
    "an ack counts before the reading's begin": (
        ("advance_readings", "least(r.from_seq, k.bound)) AS low", "0) AS low"),
        [("order", ""), ("order", ""), ("poll", 0, "live", "all", 9, False), ("order", ""),
         ("poll", 0, "cursor", "all", 9, False), ("poll_ack", 0, "all", "named")],
    ),
    "an ack of a replaced connection counts for the newest": (
        ("ack_reading", "IF p_reading IS NULL THEN", f"{NEWEST} IF mine IS NULL THEN"),
        [("order", ""), ("poll", 0, "live", "all", 9, False), ("poll_ack", 0, "all", "late"), *UNREAD[1:], ("land",)],
    ),
    "an unnamed ack counts for the reading that claims most": (
        ("ack_reading", "ORDER BY r.from_seq DESC, r.no DESC", "ORDER BY r.from_seq, r.no"),
        [*UNREAD, ("poll", 0, "live", "all", 9, False), ("poll_ack", 0, "all", "unnamed")],
    ),
    "a reading goes on from the one that claims most": (
        ("settle_tails", "(SELECT max(from_seq) FROM earlier", "(SELECT min(from_seq) FROM earlier"),
        [*UNREAD, ("connect", 0, "websocket", "new-1", "live", "all"), ("flush", "new-1"),
         ("connect", 0, "websocket", "new-1", "cursor", "all"), ("ack", 0, "again"), ("flush", "new-1")],
    ),
    "a reading goes on from one with another filter": (
        ("settle_tails", "r.stations IS NOT DISTINCT FROM mine.stations", "true"),
        [("order", "kitchen"), ("order", "bar"), ("connect", 0, "websocket", "new-1", "zero", "bar"), ("send", 0, 2),
         ("receive", 0, 2), ("flush", "new-1"), ("connect", 0, "websocket", "new-1", "cursor", "all"),
         ("ack", 0, "again"), ("flush", "new-1")],
    ),
    "an ack counts through every station": (
        ("reading_passes", "p_stations IS NULL OR", "true OR"),
        [("order", "kitchen"), ("poll", 0, "zero", "bar", 9, False), ("poll_ack", 0, "bar", "named")],
    ),
    "an ack counts through every category": (
        ("reading_passes", "p_categories IS NULL OR", "true OR"),
        [("order", "/food"), ("poll", 0, "zero", "drinks", 9, False), ("poll_ack", 0, "drinks", "named")],
    ),
    "a reading goes on from one with other categories": (
        ("settle_tails", "r.categories IS NOT DISTINCT FROM mine.categories", "true"),
        [("order", "/food"), ("order", "bar/drinks"), ("connect", 0, "websocket", "new-1", "zero", "drinks"),
         ("send", 0, 2), ("receive", 0, 2), ("flush", "new-1"), ("connect", 0, "websocket", "new-1", "cursor", "all"),
         ("ack", 0, "again"), ("flush", "new-1")],
    ),
    "a poll goes on from one with other categories": (
        ("poll_reading", "r.categories IS NOT DISTINCT FROM p_categories", "true"),
        [("order", "/food"), ("poll", 0, "zero", "all", 9, True), ("poll", 0, "zero", "drinks", 9, False),
         ("poll_ack", 0, "drinks", "named")],
    ),
    "a poll goes on from the newest chain": (
        ("poll_reading", "ORDER BY r.from_seq DESC, r.no DESC", "ORDER BY r.no DESC"),
        [("order", ""), ("poll", 0, "live", "all", 9, False), ("poll", 0, "zero", "all", 9, True),
         ("poll", 0, "cursor", "all", 9, False), ("poll_ack", 0, "all", "named")],
    ),
    "a position of a history that is over counts": (
        ("epoch_bound", "IF p_epoch = p_now_epoch THEN", "IF true THEN"),
        [("poll", 0, "zero", "all", 9, False), ("order", ""), ("poll", 0, "cursor", "all", 9, False),
         ("poll_ack", 0, "all", "late"), ("fork", 1, False), ("order", ""), ("poll", 0, "zero", "all", 9, True),
         ("land",)],
    ),
    "an ack of an event that is no more counts": (
        ("advance_readings", "w.said <= b.bound", "w.said <= 999"),
        [("connect", 0, "websocket", "new-1", "zero", "all"), ("order", ""), ("send", 0, 1), ("receive", 0, 1),
         ("ack", 0, "own"), ("fork", 1, True), ("order", ""), ("send", 0, 1), ("flush", "new-1")],
    ),
    "an ack over HTTP says how far its stream came": (
        ("advance_readings", "CASE WHEN w.sent IS NULL THEN", "CASE WHEN false THEN"),
        [("connect", 0, "sse", "new-1", "zero", "all"), ("order", ""), ("trim", 1), ("send", 0, 9), ("receive", 0, 9),
         ("ack", 0, "named"), ("flush", "new-1")],
    ),
}  # fmt: skip
POD_FAULTS: dict[str, list[Step]] = {
    "after=acked is a word": [
        ("order", "bar"), ("connect", 0, "websocket", "new-1", "zero", "bar"), ("send", 0, 1), ("flush", "new-1"),
        ("poll", 0, "live", "all", 9, False), ("poll_ack", 0, "all", "named"),
        ("connect", 0, "websocket", "new-1", "acked", "bar"), ("ack", 0, "again"), ("flush", "new-1"),
    ],
    "skips are words": [
        *UNREAD, ("connect", 0, "websocket", "new-1", "live", "all"), ("ack", 0, "again"), ("flush", "new-1"),
    ],
    "acks are not capped": [
        ("order", ""), ("connect", 0, "websocket", "new-1", "zero", "all"), ("ack", 0, "ahead"), ("send", 0, 1),
        ("flush", "new-1"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("fault", DATABASE_FAULTS)
def test_a_fault_that_is_planted_into_the_database_is_found(judge: Judge, fault: str) -> None:
    sql, history = DATABASE_FAULTS[fault]
    judge.play(history)
    with pytest.raises(AssertionError, match=r"false (receipts|silence)"):
        judge.play(history, sql=sql)


@pytest.mark.parametrize("fault", POD_FAULTS)
def test_a_fault_that_is_planted_into_a_pod_is_found(judge: Judge, fault: str) -> None:
    judge.play(POD_FAULTS[fault])
    with pytest.raises(AssertionError, match=r"false (receipts|silence)"):
        judge.play(POD_FAULTS[fault], fault=fault)


def test_a_poll_from_the_last_ack_goes_on_in_no_chain_whose_begin_may_yet_fall(judge: Judge) -> None:
    # A stream came to 1, and a poll names that: its chain goes on from the stream as soon as it is acked. Another
    # filter's ack is at 1, too; the poll from there claims nothing.
    history: list[Step] = [
        ("order", "bar"), ("connect", 0, "websocket", "new-1", "zero", "bar"), ("send", 0, 1), ("receive", 0, 1),
        ("flush", "new-1"), ("poll", 0, "stream", "bar", 9, False),
        ("connect", 0, "websocket", "new-1", "live", "all"), ("ack", 0, "again"), ("flush", "new-1"),
        ("poll", 0, "acked", "bar", 9, False), ("poll_ack", 0, "bar", "named"),
    ]  # fmt: skip
    judge.play(history, world=NotedWorld)
    with pytest.raises(AssertionError, match="false receipts"):
        judge.play(history, sql=("poll_reading", "AND NOT r.tail AND", "AND"), world=NotedWorld)
