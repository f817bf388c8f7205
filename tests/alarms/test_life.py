"""The life of alarms in the database itself: attempts, ends, roles, and webhooks that count, beside a model of them."""

import asyncio
import uuid
from collections.abc import Coroutine, Iterator
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.alarms.shop import Order, Shop, due
from tests.conftest import MakeDatabase

ROLES: dict[str, str | None] = {"counter": "counter", "kitchen": "kitchen", "tablet": None}
WEBHOOKS = ("hook", "hook that does not count")
PLACE = (
    "SELECT place_order($1, NULL, NULL, $2, 'online', 'pickup', 'Ada', NULL, NULL, NULL, 0, '0',"
    " '{}', '{}', '{}', '{}', '{}')"
)
DUE = "SELECT order_id FROM unseen_orders WHERE tenant = $1 AND alarm_at <= now() ORDER BY event_seq"
ADVANCE = "SELECT (e).type, (e).payload FROM (SELECT advance_alarm($1, $2, true) AS e OFFSET 0) made"
LATER = """
    UPDATE unseen_orders SET counts_from = counts_from - make_interval(secs => $2),
                             alarm_at = alarm_at - make_interval(secs => $2) WHERE tenant = $1
"""


def counts(who: str, roles: list[str] | None) -> bool:
    """Whether a receipt of `who` counts for the alarm."""
    if who in WEBHOOKS:
        return who == "hook" and (roles is None or "webhook" in roles)
    return roles is None or ROLES[who] in roles


class Base:
    """A shop in the database, moved by the functions that pods call. Time passes by moving what was into the past."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.db = connection
        self.tenant = f"shop-{uuid.uuid4().hex[:12]}"
        self.names: dict[uuid.UUID, str] = {}
        self.orders: list[uuid.UUID] = []

    def called(self, name: str) -> uuid.UUID:
        return next(found for found, known in self.names.items() if known == name)

    async def open(self) -> None:
        run, tenant = self.db.execute, self.tenant
        await run("INSERT INTO tenants (tenant, name, ack_deadline_seconds) VALUES ($1, $1, 15)", tenant)
        await run("INSERT INTO tenant_streams (tenant) VALUES ($1)", tenant)
        for name, role in ROLES.items():
            self.names[terminal := uuid.uuid4()] = name
            await run("INSERT INTO terminals (terminal_id, tenant, name, role) VALUES ($1, $2, $3, $4)",
                      terminal, tenant, name, role)  # fmt: skip
        for name in WEBHOOKS:
            self.names[endpoint := uuid.uuid4()] = name
            await run(
                "INSERT INTO webhook_endpoints (endpoint_id, tenant, url, epoch, seq, counts, lease)"
                " VALUES ($1, $2, 'https://example.org', 1, 0, $3, $1)", endpoint, tenant, name == "hook",
            )  # fmt: skip

    async def place(self) -> None:
        self.orders.append(uuid.uuid4())
        await self.db.fetchval(PLACE, self.tenant, self.orders[-1])

    async def later(self, seconds: int) -> None:
        await self.db.execute(LATER, self.tenant, float(seconds))
        await self.db.execute(
            "UPDATE orders SET created_at = created_at - make_interval(secs => $2) WHERE tenant = $1",
            self.tenant, float(seconds),
        )  # fmt: skip

    async def receive(self, at: int, who: str) -> None:
        if who in WEBHOOKS:
            await self.db.fetch(
                "SELECT * FROM advance_endpoint($1, $1, 1, $2, 5, 'delivered', true)",
                self.called(who),
                at + 1,
            )
        else:
            await self.db.fetch("SELECT * FROM see_orders($1, $2, $3)", self.tenant, self.called(who),
                                [self.orders[at]])  # fmt: skip

    async def move(self, at: int) -> None:
        # Two events of one order would move the others' offsets: this one makes none.
        await self.db.execute("UPDATE orders SET source = 'pos' WHERE order_id = $1", self.orders[at])
        await self.db.fetch("SELECT change_order_status($1, NULL, NULL, $2, 'preparing', '{pending}')",
                            self.tenant, self.orders[at])  # fmt: skip

    async def undo(self, at: int) -> None:
        await self.db.fetch("SELECT change_order_status($1, NULL, NULL, $2, 'pending', '{preparing}')",
                            self.tenant, self.orders[at])  # fmt: skip

    async def look(self) -> list[tuple[object, ...]]:
        said: list[tuple[object, ...]] = []
        for row in await self.db.fetch(DUE, self.tenant):
            event = await self.db.fetchrow(ADVANCE, self.tenant, row["order_id"])
            assert event is not None
            if event["type"] is not None:
                said.append(self._told(event["type"], orjson.loads(event["payload"])["data"]))
        return said

    def _told(self, type_: str, data: dict[str, Any]) -> tuple[object, ...]:
        at = self.orders.index(uuid.UUID(data["orderId"]))
        assert isinstance(data["waitedSeconds"], int)
        if type_ == "order_unacknowledged":
            assert set(data) == {"orderId", "orderNumber", "orderOffset", "waitedSeconds", "attempt"}
            return (at, "alarm", data["attempt"])
        assert type_ == "order_acknowledged"
        by = {"terminalId", "webhookId"} & set(data)
        assert len(by) == 1
        assert set(data) == {"orderId", "orderNumber", "waitedSeconds", "attempts", *by}
        who = self.names[uuid.UUID(data[by.pop()])]
        return (at, "end", who, data["attempts"])

    async def unseen(self) -> dict[int, tuple[int, str | None]]:
        rows = await self.db.fetch("SELECT * FROM unseen_orders WHERE tenant = $1", self.tenant)
        return {
            self.orders.index(row["order_id"]): (row["attempt"], self.names.get(row["seen_by"]))
            for row in rows
        }


class Bench:
    """One database and one loop for all examples."""

    def __init__(self, make: MakeDatabase) -> None:
        self.loop = asyncio.new_event_loop()
        self.db: asyncpg.Connection[asyncpg.Record] = self.run(asyncpg.connect(self.run(make())))

    def run(self, work: "Coroutine[Any, Any, Any]") -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.db.close())
        self.loop.close()


@pytest.fixture(scope="module")
def bench(migrated_database: MakeDatabase) -> Iterator[Bench]:
    """A database of its own, for all of a file."""
    found = Bench(migrated_database)
    yield found
    found.close()


Moments = st.tuples(
    st.one_of(st.integers(0, 200), st.integers(0, 10**8)),
    st.one_of(st.integers(1, 60), st.integers(1, 86400)),
    st.integers(0, 10),
    st.integers(0, 11),
)


@settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(moments=st.lists(Moments, min_size=50, max_size=200))
def test_attempts_are_due_at_one_two_four_and_eight_deadlines_and_of_those_that_passed_the_latest(
    bench: Bench, moments: list[tuple[int, int, int, int]]
) -> None:
    rows = bench.run(
        bench.db.fetch(
            """
            SELECT a.due, extract(epoch FROM a.next_at)::bigint AS next_at
            FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::integer[])
                 AS m (elapsed, deadline, repeats, made)
            CROSS JOIN LATERAL alarm_due(to_timestamp(0), deadline, repeats, made, to_timestamp(elapsed)) a
            """,
            *map(list, zip(*moments, strict=True)),
        )
    )
    assert [(row["due"], row["next_at"]) for row in rows] == [due(*each) for each in moments]


WHO = st.sampled_from([*ROLES, *WEBHOOKS])
SETTABLE = st.sampled_from([None, [], ["kitchen"], ["webhook"], ["counter", "webhook"], ["nobody"]])
STEP = st.one_of(
    st.just(("place",)),
    st.tuples(st.just("later"), st.sampled_from([10, 20, 50, 100, 1000])),
    st.tuples(st.just("receive"), st.integers(0, 3), WHO),
    st.tuples(st.just("receive"), st.integers(0, 3), WHO),
    st.tuples(st.sampled_from(["move", "undo"]), st.integers(0, 3)),
    st.tuples(st.just("roles"), SETTABLE),
    st.tuples(st.just("roles"), SETTABLE),
    st.tuples(st.just("repeats"), st.integers(0, 10)),
    st.tuples(st.just("deadline"), st.sampled_from([15, 45, 315])),
    st.just(("look",)),
    st.just(("look",)),
)


async def play(db: "asyncpg.Connection[asyncpg.Record]", steps: list[tuple[Any, ...]]) -> None:
    """Do the steps to a new shop and to the model of one; an assertion fails where they differ."""
    base, shop = Base(db), Shop(counts)
    await base.open()
    said: list[tuple[object, ...]] = []
    for step in [("place",), *steps, ("look",), ("later", 10**6), ("look",), ("look",)]:
        await apply(step, base, shop, said)
        assert sorted(map(repr, said)) == sorted(map(repr, shop.said)), step
        assert await base.unseen() == {
            at: (order.attempt, order.seen) for at, order in enumerate(shop.orders) if order.row
        }, step


@settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=24))
def test_whatever_happens_to_a_shops_orders_its_alarms_are_said_as_the_model_says_them(
    bench: Bench, steps: list[tuple[Any, ...]]
) -> None:
    bench.run(play(bench.db, steps))


LATE, HAS = ("later", 20), ("receive", 0, "counter")
KITCHEN = ("roles", ["kitchen"])
FAULTS: dict[str, tuple[str, str, str, list[tuple[Any, ...]]]] = {
    "an attempt that passed is made up for": (
        "alarm_due", "due := n;", "due := coalesce(due, n);", [("later", 50), ("look",)],
    ),
    "an attempt comes again": (
        "alarm_due", "p_attempt + 1 ..", "greatest(p_attempt, 1) ..",
        [LATE, ("look",), ("deadline", 45), ("later", 50), ("look",)],
    ),
    "an end is told twice": (
        "advance_alarm", "AND event_seq = unseen.event_seq;\n        UPDATE",
        "AND false;\n        UPDATE", [LATE, ("look",), HAS, ("look",), ("look",)],
    ),
    "everybody's receipt counts": ("receipt_counts", "p_roles IS NULL OR", "true OR", [KITCHEN, HAS, LATE, ("look",)]),
    "every webhook counts": (
        "advance_endpoint", "moved.counts AND", "true AND",
        [("receive", 0, "hook that does not count"), LATE, ("look",)],
    ),
    "what only others have seen stays seen": (
        "recount_receipts", "WHERE NOT r.whole", "WHERE false", [HAS, KITCHEN, LATE, ("look",)],
    ),
    "what they have seen now is unseen": (
        "recount_receipts", "(u.seen_at IS NULL) = r.whole OR NOT r.whole", "false",
        [KITCHEN, HAS, ("roles", None), LATE, ("look",)],
    ),
    "an end that others made is told": (
        "recount_receipts", "(u.seen_at IS NULL) = r.whole OR NOT r.whole",
        "u.seen_at IS NULL AND r.whole", [LATE, ("look",), HAS, KITCHEN, ("look",)],
    ),
    "what was moved on is unseen again": (
        "recount_receipts", "h.position > 1", "false", [HAS, ("move", 0), ("undo", 0), KITCHEN],
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_planted_into_the_database_is_found(bench: Bench, fault: str) -> None:
    function, right, wrong, story = FAULTS[fault]
    bench.run(play(bench.db, story))
    source = bench.run(bench.db.fetchval("SELECT pg_get_functiondef($1::regproc)", function))
    assert right in source
    bench.run(bench.db.execute(source.replace(right, wrong)))
    try:
        with pytest.raises(AssertionError):
            bench.run(play(bench.db, story))
    finally:
        bench.run(bench.db.execute(source))


async def apply(step: tuple[Any, ...], base: Base, shop: Shop, said: list[tuple[object, ...]]) -> None:
    """Do a step to both; one whose order there is not is none."""
    match step:
        case ("place",) if not shop.said:
            # Later ones would stand behind events, and not at the offset of their number.
            await base.place()
            shop.orders.append(Order())
        case ("later", seconds):
            await base.later(seconds)
            for order in shop.orders:
                order.elapsed += seconds
        case ("receive", at, who) if at < len(shop.orders):
            await base.receive(at, who)
            if who != "hook that does not count":
                shop.receive(at, who)
        case ("move", at) if at < len(shop.orders):
            await base.move(at)
            shop.move(at)
        case ("undo", at) if at < len(shop.orders):
            await base.undo(at)
            shop.undo(at)
        case ("roles", roles):
            assert await base.db.fetchval("SELECT set_alarm_roles($1, $2)", base.tenant, roles)
            shop.set_roles(roles)
        case ("repeats", repeats):
            await base.db.execute(
                "UPDATE tenants SET alarm_repeats = $2 WHERE tenant = $1", base.tenant, repeats
            )
            shop.repeats = repeats
        case ("deadline", seconds):
            await base.db.execute(
                "UPDATE tenants SET ack_deadline_seconds = $2 WHERE tenant = $1", base.tenant, seconds
            )
            shop.deadline = seconds
        case ("look",):
            said += await base.look()
            shop.look()


def test_a_receipt_outlives_a_fork_that_took_back_the_end_of_its_reading(bench: Bench) -> None:
    async def receipts() -> list[int]:
        base = Base(bench.db)
        await base.open()
        reading, terminal = uuid.uuid4(), base.called("counter")
        for _ in range(5):
            await base.place()
        await bench.db.execute(
            """
            INSERT INTO readings (reading_id, no, tenant, terminal_id, door, named, tail, epoch, began_seq, from_seq,
                                  sent_seq, said_seq, covered_seq, began_at)
            VALUES ($1, 1, $2, $3, 'polling', false, false, 2, 0, 0, 2, 2, 2, now())
            """,
            reading, base.tenant, terminal,
        )  # fmt: skip
        await bench.db.execute("INSERT INTO coverage VALUES ($1, 5, $2, 0, 0, 1, now())", terminal, reading)
        await bench.db.execute("INSERT INTO stream_forks VALUES ($1, 2, 4)", base.tenant)
        await bench.db.execute(
            "UPDATE orders SET event_epoch = 2 WHERE tenant = $1 AND event_seq = 5", base.tenant
        )
        rows = await bench.db.fetch(
            "SELECT o.event_seq FROM orders o CROSS JOIN LATERAL receipts_of(o) WHERE o.tenant = $1 ORDER BY 1",
            base.tenant,
        )
        return [row["event_seq"] for row in rows]

    assert bench.run(receipts()) == [1, 2, 3, 4]
