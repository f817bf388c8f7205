"""Orders and acks of the version before keep what they had: the migration and the mixture raise no alarm too many."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.db.migration_files import load_migrations
from backbone.eventlog.schema import Phase
from tests.conftest import MakeDatabase
from tests.receipts.world import ACK, BEGIN, OLD_ACK, PLACE, RECEIPTS, Connection

SHOPS, ORDERS = 40, 500
FIRST = "0014"
DUE = "SELECT count(*) FROM unseen_orders WHERE alarm_at <= now() AND seen_at IS NULL"


@pytest.fixture
async def before(new_database: MakeDatabase) -> AsyncIterator[Connection]:
    """A database of the version before."""
    connection = await asyncpg.connect(await new_database())
    await apply(connection, lambda name: name < FIRST)
    yield connection
    await connection.close()


async def apply(database: Connection, wanted: object, phase: Phase = Phase.PRE) -> None:
    assert callable(wanted)
    for migration in load_migrations():
        if wanted(migration.name) and migration.phase is phase:
            await database.execute(migration.sql)


async def open_shop(database: Connection, tenant: str, acked: int | None = None) -> uuid.UUID:
    """A shop with one till that has acked so far."""
    terminal = uuid.uuid4()
    await database.execute("INSERT INTO tenants (tenant, name) VALUES ($1, $1)", tenant)
    await database.execute("INSERT INTO tenant_streams (tenant, seq) VALUES ($1, $2)", tenant, ORDERS)
    await database.execute(
        """
        INSERT INTO terminals (terminal_id, tenant, name, acked_epoch, acked_seq, acked_at)
        VALUES ($1, $2, 'till', CASE WHEN $3::bigint IS NOT NULL THEN 1 END, $3, now())
        """,
        terminal, tenant, acked,
    )  # fmt: skip
    return terminal


async def test_orders_that_were_acked_stay_seen_and_those_that_were_not_are_unseen_with_the_alarm_they_had(
    before: Connection,
) -> None:
    for number in range(SHOPS):
        await open_shop(before, f"shop-{number}", ORDERS - 2)
    await before.execute(
        """
        INSERT INTO orders (order_id, tenant, order_seq, source, order_type, customer_name, total_cents,
                            event_epoch, event_seq, created_at, alarmed_at, status)
        SELECT gen_random_uuid(), 'shop-' || i, n, 'online', 'pickup', 'Ada', 1, 1, n, now() - interval '1 hour',
               CASE WHEN n = $2 THEN now() END, CASE WHEN n = 7 THEN 'ready' ELSE 'pending' END
        FROM generate_series(0, $1 - 1) i, generate_series(1, $2) n
        """,
        SHOPS, ORDERS,
    )  # fmt: skip
    await apply(before, lambda name: name >= FIRST)
    rows = await before.fetch(
        "SELECT event_seq, attempt > 0, count(*) FROM unseen_orders GROUP BY 1, 2 ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [(ORDERS - 1, False, SHOPS), (ORDERS, True, SHOPS)]
    # One alarm each is due: the other has had its own.
    assert await before.fetchval(DUE) == SHOPS


async def test_an_ack_at_a_pod_of_the_version_before_silences_alarms_and_gives_no_receipt(
    before: Connection,
) -> None:
    terminal = await open_shop(before, "mixed")
    await apply(before, lambda name: name >= FIRST)
    await before.execute("INSERT INTO gateways VALUES ('old', clock_timestamp())")
    first, second = uuid.uuid4(), uuid.uuid4()
    for order in (first, second):
        await before.fetchval(PLACE, "mixed", order)
    await before.execute(OLD_ACK, terminal, 1, ORDERS + 1)
    assert [row["order_id"] for row in await before.fetch("SELECT order_id FROM unseen_orders")] == [second]
    # Over HTTP at a new pod, of a stream at an old gateway.
    await before.fetchrow(ACK, "mixed", terminal, None, 1, ORDERS + 2)
    assert not await before.fetch("SELECT order_id FROM unseen_orders")
    assert not await before.fetch(RECEIPTS, "mixed")


async def test_who_comes_to_a_new_gateway_from_an_old_one_silences_what_it_had_there(
    before: Connection,
) -> None:
    terminal = await open_shop(before, "moving")
    await apply(before, lambda name: name >= FIRST)
    await before.execute("INSERT INTO gateways VALUES ('old', clock_timestamp())")
    orders = [uuid.uuid4() for _ in range(2)]
    for order in orders:
        await before.fetchval(PLACE, "moving", order)
    # It got the first one at an old gateway, did not ack it there, and names its offset here.
    reading = uuid.uuid4()
    await before.execute(
        BEGIN, [reading], [terminal], ["moving"], ["websocket"], "new", [None], [None], [None], [None], [None], [1],
        [ORDERS + 1], [True],
    )  # fmt: skip
    await before.fetch(
        "SELECT * FROM advance_readings($1, '{0}', '{1}', $2, $3, $3, '{0}', '{NULL}', '{NULL}')",
        [reading], [ORDERS + 1], [ORDERS + 2],
    )  # fmt: skip
    assert not await before.fetch("SELECT order_id FROM unseen_orders")
    assert [row["order_id"] for row in await before.fetch(RECEIPTS, "moving")] == [orders[1]]
    # Old pods see it acked, too.
    acked = await before.fetchval("SELECT acked_seq FROM terminals WHERE terminal_id = $1", terminal)
    assert acked == ORDERS + 2


async def test_nothing_of_the_version_before_counts_when_its_support_has_ended(before: Connection) -> None:
    terminal = await open_shop(before, "ended")
    await apply(before, lambda name: name >= FIRST)
    await apply(before, lambda name: name >= FIRST, Phase.POST)
    await before.execute("INSERT INTO gateways VALUES ('old', clock_timestamp())")
    await before.fetchval(PLACE, "ended", uuid.uuid4())
    await before.execute(OLD_ACK, terminal, 1, ORDERS + 1)
    await before.fetchrow(ACK, "ended", terminal, None, 1, ORDERS + 1)
    assert await before.fetchval("SELECT count(*) FROM unseen_orders") == 1
