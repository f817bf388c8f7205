"""The work beside the requests: the publisher's queue, the tenants' slots, the housekeeping."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from prometheus_client import REGISTRY

from api.background.housekeeping import keep_house_once
from api.publisher import Publisher
from api.tenant_slots import TenantSlots
from backbone.contract.errors import Unavailable
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database, open_database
from backbone.eventlog.stream import Stream
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.ports import free_port
from tests.api.streams import stream_entries
from tests.conftest import MakeDatabase


def published(outcome: str) -> float:
    return REGISTRY.get_sample_value("bellwire_events_published_total", {"outcome": outcome}) or 0.0


def settings_of(database_url: str, redis_url: str) -> PodSettings:
    # A machine that stands still for a quarter of a second is not what these tests are about.
    return load_settings(PodSettings, database_url=database_url, redis_url=redis_url, redis_timeout_seconds=5)


def event(seq: int) -> Event:
    return Event(Offset(1, seq), "new_order", 1_700_000_000_000, b'{"seq":%d}' % seq)


@pytest.fixture
async def stream(redis_url: str) -> AsyncIterator[Stream]:
    found = Stream(settings_of("postgresql://unused/unused", redis_url))
    yield found
    await found.close()


async def test_what_is_queued_is_published_in_rising_order_and_counted(
    stream: Stream, redis_url: str
) -> None:
    publisher = Publisher(stream, 1000)
    before = published("ok")
    for seq in (3, 1, 2, 5, 4):
        publisher.announce("publisher-a", event(seq))
    task = asyncio.create_task(publisher.run())
    await publisher.flush(2)
    task.cancel()
    entries = await stream_entries(redis_url, "publisher-a")
    assert [entry_id for entry_id, _ in entries] == ["1-1", "1-2", "1-3", "1-4", "1-5"]
    assert published("ok") - before == 5


async def test_what_comes_too_late_for_the_stream_is_counted_as_stale(stream: Stream) -> None:
    publisher = Publisher(stream, 1000)
    task = asyncio.create_task(publisher.run())
    before = published("stale")
    for seq in (2, 1):
        publisher.announce("publisher-b", event(seq))
        await publisher.flush(2)
    task.cancel()
    assert published("stale") - before == 1


async def test_a_full_queue_drops_the_newest_and_counts_it(stream: Stream, redis_url: str) -> None:
    publisher = Publisher(stream, 3)
    before = published("dropped")
    for seq in range(1, 6):
        publisher.announce("publisher-c", event(seq))
    assert published("dropped") - before == 2
    task = asyncio.create_task(publisher.run())
    await publisher.flush(2)
    task.cancel()
    assert len(await stream_entries(redis_url, "publisher-c")) == 3


async def test_a_failure_is_counted_forgotten_and_does_not_end_the_publisher() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    stream = Stream(settings_of("postgresql://unused/unused", url))
    publisher = Publisher(stream, 1000)
    task = asyncio.create_task(publisher.run())
    before = published("failed")
    for seq in range(1, 4):
        publisher.announce("publisher-d", event(seq))
        await publisher.flush(2)
    assert published("failed") - before == 3
    assert not task.done()
    task.cancel()
    await stream.close()


async def test_a_tenant_has_so_many_turns_at_once_and_another_is_not_touched_by_it() -> None:
    slots = TenantSlots(2, 0.1)
    running = 0
    most = 0

    async def write() -> None:
        nonlocal running, most
        async with slots.occupy("hot"):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1

    await asyncio.gather(*(write() for _ in range(8)))
    assert most == 2
    async with slots.occupy("hot"), slots.occupy("hot"):
        with pytest.raises(Unavailable):
            async with slots.occupy("hot"):
                raise AssertionError("a third slot")
        async with slots.occupy("calm"):
            pass
    async with slots.occupy("hot"):
        pass
    assert not slots._slots
    assert not slots._users


@pytest.fixture
async def own_database(
    migrated_database: MakeDatabase, redis_url: str
) -> AsyncIterator[tuple[str, Database]]:
    url = await migrated_database()
    database = await open_database(settings_of(url, redis_url), size=4, application="test-housekeeping")
    yield url, database
    await database.close()


async def days(database: Database) -> set[str]:
    rows = await database.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'pos_sync_logs'::regclass"
    )
    return {row["relname"].removeprefix("pos_sync_logs_") for row in rows}


async def test_housekeeping_keeps_the_days_of_retention_and_makes_those_to_come(
    own_database: tuple[str, Database],
) -> None:
    _, database = own_database
    today = datetime.now(UTC).date()
    await database.fetch("SELECT ensure_event_partitions($1, 30)", today - timedelta(days=25))
    # Ten pods do it at once.
    await asyncio.gather(*(keep_house_once(database, 7, datetime.now(UTC)) for _ in range(10)))
    kept = {f"{today + timedelta(days=offset):%Y%m%d}" for offset in range(-7, 9)}
    assert await days(database) == kept


async def test_a_pod_that_slept_for_a_month_wakes_with_days_to_write_to(
    own_database: tuple[str, Database],
) -> None:
    _, database = own_database
    later = datetime.now(UTC) + timedelta(days=30)
    await keep_house_once(database, 7, later)
    assert f"{later.date():%Y%m%d}" in await days(database)


async def test_housekeeping_forgets_old_idempotency_keys_and_acks_and_keeps_the_others(
    own_database: tuple[str, Database],
) -> None:
    url, database = own_database
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("""
            INSERT INTO tenants VALUES ('t', 't');
            INSERT INTO terminals (terminal_id, tenant, name) VALUES (gen_random_uuid(), 't', 'till');
            INSERT INTO idempotency_keys (tenant, key, fingerprint, outcome, result, created_at)
            SELECT 't', 'key-' || n, '', 'ok', '{}', now() - n * interval '1 hour' FROM generate_series(0, 6000) AS n;
            INSERT INTO terminal_acks (terminal_id, acked_seq, tenant, acked_at)
            SELECT terminal_id, n, 't', now() - n * interval '1 hour' FROM terminals, generate_series(0, 6000) AS n;
        """)
        await asyncio.gather(*(keep_house_once(database, 7, datetime.now(UTC)) for _ in range(3)))
        assert await connection.fetchval("SELECT count(*) FROM idempotency_keys") == 7 * 24
        assert await connection.fetchval("SELECT count(*) FROM terminal_acks") == 7 * 24
    finally:
        await connection.close()
