"""While pods of the version before run, an ack at them silences alarms, whichever attempt comes next.

The database's own functions, and the statement by which such a pod stores an ack.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from api.db.migration_files import load_migrations
from backbone.eventlog.schema import Phase
from tests.conftest import MakeDatabase
from tests.receipts.world import ADVANCE, BEGIN, OLD_ACK, PLACE, Connection

ATTEMPT = "SELECT (e).seq FROM (SELECT advance_alarm($1, $2, true) AS e OFFSET 0) made"
# The moment of the next attempt has come, and no more than that.
PASS_TIME = """
    UPDATE unseen_orders u
    SET counts_from = clock_timestamp() - make_interval(secs => t.ack_deadline_seconds * 2 ^ u.attempt + 0.01),
        alarm_at = clock_timestamp()
    FROM tenants t WHERE t.tenant = u.tenant
"""
ATTEMPTS = 4
WAITING = "SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted"


@pytest.fixture
async def url(new_database: MakeDatabase) -> str:
    """A database that pods of both versions may use."""
    url = await new_database()
    connection = await asyncpg.connect(url)
    for migration in load_migrations():
        if migration.phase is Phase.PRE:
            await connection.execute(migration.sql)
    await connection.close()
    return url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Connection]:
    """A connection to it; a gateway of each version lives."""
    database: Connection = await asyncpg.connect(url)
    await database.execute(
        "INSERT INTO gateways (gateway, renewed_at, readings) VALUES ('new', clock_timestamp(), true)"
    )
    await database.execute("INSERT INTO gateways (gateway, renewed_at) VALUES ('old', clock_timestamp())")
    yield database
    await database.close()


@dataclass(frozen=True)
class Shop:
    """A shop with one till; `epoch` is its log's."""

    database: Connection
    tenant: str
    till: uuid.UUID
    epoch: int

    async def place(self) -> uuid.UUID:
        order = uuid.uuid4()
        await self.database.fetchval(PLACE, self.tenant, order)
        return order

    async def attempt(self, order: uuid.UUID) -> bool:
        """Let the moment of an order's next attempt come; whether there was one."""
        await self.database.execute(PASS_TIME)
        return await self.database.fetchval(ATTEMPT, self.tenant, order) is not None

    async def head(self) -> int:
        head: int = await self.database.fetchval(
            "SELECT seq FROM tenant_streams WHERE tenant = $1", self.tenant
        )
        return head

    async def ack_at_old_pod(self, seq: int) -> None:
        await self.database.execute(OLD_ACK, self.till, self.epoch, seq)

    async def ack_at_new_gateway(self, began: int, seq: int, types: str | None = None) -> None:
        """All up to `seq`, of a stream that began behind `began` without a word of the till's."""
        reading = uuid.uuid4()
        await self.database.execute(
            BEGIN, [reading], [self.till], [self.tenant], ["websocket"], "new", [None], [None], [types], [None],
            [None], [self.epoch], [began], [False],
        )  # fmt: skip
        await self.database.fetch(
            ADVANCE, [reading], [0], [self.epoch], [began], [seq], [seq], [0.0], [None], [None]
        )

    async def receipts(self, order: uuid.UUID) -> int:
        found: int = await self.database.fetchval(
            "SELECT count(*) FROM orders o, receipts_of(o) r WHERE o.order_id = $1", order
        )
        return found


@pytest.fixture
async def shop(database: Connection) -> Shop:
    tenant, till = f"t-{uuid.uuid4().hex[:12]}", uuid.uuid4()
    await database.execute("INSERT INTO tenants (tenant, name) VALUES ($1, $1)", tenant)
    await database.execute("INSERT INTO tenant_streams (tenant) VALUES ($1)", tenant)
    await database.execute(
        "INSERT INTO terminals (terminal_id, tenant, name) VALUES ($1, $2, 'till')", till, tenant
    )
    return Shop(
        database,
        tenant,
        till,
        await database.fetchval("SELECT epoch FROM tenant_streams WHERE tenant = $1", tenant),
    )


async def test_without_an_ack_every_attempt_comes(shop: Shop) -> None:
    order = await shop.place()
    assert [await shop.attempt(order) for _ in range(ATTEMPTS + 1)] == [True] * ATTEMPTS + [False]


@pytest.mark.parametrize("before", range(ATTEMPTS))
async def test_an_ack_at_an_old_pod_silences_every_attempt_that_is_still_to_come(
    shop: Shop, before: int
) -> None:
    order = await shop.place()
    placed = await shop.head()
    assert all([await shop.attempt(order) for _ in range(before)])
    await shop.ack_at_old_pod(placed)
    assert not await shop.attempt(order)
    assert await shop.receipts(order) == 0


@pytest.mark.parametrize("before", range(ATTEMPTS))
async def test_an_ack_at_an_old_pod_that_waits_for_an_attempt_silences_the_next(
    url: str, shop: Shop, before: int
) -> None:
    order = await shop.place()
    placed = await shop.head()
    for _ in range(before):
        await shop.attempt(order)
    await shop.database.execute(PASS_TIME)
    pod: Connection = await asyncpg.connect(url)
    try:
        attempting = pod.transaction()
        await attempting.start()
        assert await pod.fetchval(ATTEMPT, shop.tenant, order) is not None
        backend = shop.database.get_server_pid()
        acking = asyncio.create_task(shop.ack_at_old_pod(placed))
        while not acking.done() and not await pod.fetchval(WAITING, backend):
            await asyncio.sleep(0.01)
        assert not acking.done()
        await attempting.commit()
        await acking
    finally:
        await pod.close()
    assert not await shop.attempt(order)


@pytest.mark.parametrize("before", [0, 2])
async def test_an_ack_at_an_old_pod_counts_though_the_till_acked_as_far_at_a_new_gateway_without_having_it(
    shop: Shop, before: int
) -> None:
    order = await shop.place()
    placed = await shop.head()
    for _ in range(before):
        assert await shop.attempt(order)
    # Its streams there began behind the order, or had no orders: their acks say nothing about it.
    later = await shop.place()
    await shop.ack_at_new_gateway(await shop.head() - 1, await shop.head())
    await shop.ack_at_new_gateway(0, await shop.head(), "order_updated")
    assert await shop.receipts(order) == 0
    assert await shop.receipts(later) == 1
    await shop.ack_at_old_pod(placed)
    assert not await shop.attempt(order)
    assert await shop.receipts(order) == 0
