"""Where the acks of a reading begin is decided for good: they cost no more, however often a terminal came back.

The streams are those of gateways that were killed and came back under their names: none of them has ever ended.
"""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import MakeDatabase
from tests.receipts.world import ADVANCE, BEGIN, PLACE, Connection

WAITING = 32


@pytest.fixture
async def database(migrated_database: MakeDatabase) -> AsyncIterator[Connection]:
    """A database of its own, whose one gateway lives."""
    url = await migrated_database()
    database: Connection = await asyncpg.connect(url)
    await database.execute("INSERT INTO gateways VALUES ('gateway', clock_timestamp(), true)")
    yield database
    await database.close()


async def come_back(database: Connection, times: int) -> tuple[uuid.UUID, uuid.UUID]:
    """A terminal that names offset after offset and is sent one order each time; it and its last reading."""
    tenant, terminal, reading = f"t-{uuid.uuid4().hex[:12]}", uuid.uuid4(), uuid.uuid4()
    await database.execute("INSERT INTO tenants (tenant, name) VALUES ($1, $1)", tenant)
    await database.execute("INSERT INTO tenant_streams (tenant) VALUES ($1)", tenant)
    await database.execute(
        "INSERT INTO terminals (terminal_id, tenant, name) VALUES ($1, $2, 'till')", terminal, tenant
    )
    epoch = await database.fetchval("SELECT epoch FROM tenant_streams WHERE tenant = $1", tenant)
    for began in range(times):
        await database.fetchval(PLACE, tenant, uuid.uuid4())
        reading = uuid.uuid4()
        await database.execute(
            BEGIN, [reading], [terminal], [tenant], ["websocket"], "gateway", [None], [None], [None], [None],
            [None], [epoch], [began], [True],
        )  # fmt: skip
        await database.fetch(
            ADVANCE, [reading], [0], [epoch], [began], [began + 1], [None], [None], [None], [None]
        )
    return terminal, reading


async def ack(database: Connection, reading: uuid.UUID) -> None:
    """All that it was sent."""
    row = await database.fetchrow("SELECT epoch, sent_seq FROM readings WHERE reading_id = $1", reading)
    assert row is not None
    epoch, sent = row
    await database.fetch(ADVANCE, [reading], [0], [epoch], [sent - 1], [sent], [sent], [0.0], [None], [None])


async def waiting(database: Connection, terminal: uuid.UUID) -> int:
    found: int = await database.fetchval(
        "SELECT count(*) FROM readings WHERE terminal_id = $1 AND tail", terminal
    )
    return found


async def receipts(database: Connection, terminal: uuid.UUID) -> list[int]:
    rows = await database.fetch(
        "SELECT o.event_seq FROM orders o, receipts_of(o) r WHERE r.terminal_id = $1 ORDER BY 1", terminal
    )
    return [row["event_seq"] for row in rows]


async def test_streams_that_never_ended_are_done_with_behind_a_newer_one_and_the_ack_covers_them_all(
    database: Connection,
) -> None:
    times = 20
    terminal, reading = await come_back(database, times)
    # Older than what a gateway that lives may hold back.
    await database.execute(
        "UPDATE readings SET began_at = began_at - interval '1 minute' WHERE terminal_id = $1", terminal
    )
    await ack(database, reading)
    assert await waiting(database, terminal) == 0
    assert await receipts(database, terminal) == list(range(1, times + 1))


async def test_of_a_terminal_that_comes_back_at_once_again_and_again_the_newest_readings_wait(
    database: Connection,
) -> None:
    times = WAITING + 10
    terminal, reading = await come_back(database, times)
    await ack(database, reading)
    assert 0 < await waiting(database, terminal) <= WAITING
    # Those that wait no longer claim less: the ack covers what the others were sent, and nothing before.
    assert await receipts(database, terminal) == list(range(times - WAITING, times + 1))
