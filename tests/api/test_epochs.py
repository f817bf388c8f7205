"""Epochs in the database: entered once, exactly at the fork, by whoever; and nothing is written in between.

A history that is over is made here by changing what the newest epoch remembers of its server; real failovers are in
tests/failover.
"""

import asyncio
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from api.db.new_epoch import new_epoch
from api.db.writes import Attempt, run_write, write_call
from backbone.contract.errors import Unavailable
from backbone.contract.event_filter import EVERYTHING
from backbone.contract.offset import BEGINNING, Offset
from backbone.eventlog.epochs import enter_epoch, keep_settled
from backbone.eventlog.head_check import KnownHeads, check_heads, read_clock
from backbone.eventlog.log_reads import Extent, read_extent
from backbone.eventlog.postgres import Database, EpochOver, open_database
from backbone.eventlog.readings import ack_reading, newest_ack, poll_reading
from backbone.runtime.client import NOBODY
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.account import unprivileged
from infra.local.postgres_binaries import find_binaries
from tests.conftest import MakeDatabase


@pytest.fixture
async def own_url(migrated_database: MakeDatabase) -> str:
    return await migrated_database()


async def opened(url: str, redis_url: str) -> Database:
    settings = load_settings(PodSettings, database_url=url, redis_url=redis_url)
    return await open_database(settings, size=8, application="test-epochs")


@pytest.fixture
async def log(own_url: str, redis_url: str) -> AsyncIterator[Database]:
    """An event log of the test's own with one tenant, `t`."""
    database = await opened(own_url, redis_url)
    await open_tenant(database, "t")
    yield database
    await database.close()


async def open_tenant(database: Database, tenant: str) -> None:
    await database.fetch(
        "WITH made AS (INSERT INTO tenants VALUES ($1, $1) RETURNING tenant)"
        " INSERT INTO tenant_streams (tenant) SELECT tenant FROM made",
        tenant,
    )


PLACE = write_call("change_loyalty", 8)


async def write(database: Database, tenant: str = "t") -> Offset:
    attempt = Attempt(tenant, None, None)
    written = await run_write(database, PLACE, attempt, "5551234", "add", 1, None, "{}")
    assert len(written.events) == 1
    return written.events[0].offset


async def write_once(database: Database) -> None:
    """The work of `run_write`, without its second attempt."""
    attempt = Attempt("t", None, None)
    await database.fetch(PLACE, *attempt.arguments("5551234", "add", 1, None, "{}"))


async def end_history(database: Database) -> None:
    await database.fetch("UPDATE cluster_epochs SET timeline = 'FFFFFFFF'")


async def extent_of(database: Database, tenant: str = "t") -> Extent:
    extent = await read_extent(database, tenant)
    assert extent is not None
    return extent


async def test_a_new_database_is_in_its_first_epoch_and_stays_there(log: Database) -> None:
    await keep_settled(log)
    assert await enter_epoch(log) == 1
    assert await write(log) == Offset(1, 1)
    assert (await extent_of(log)).forks == {1: 0}


async def test_while_a_history_is_over_nothing_is_appended_and_no_extent_is_told(log: Database) -> None:
    await write(log)
    await end_history(log)
    with pytest.raises(EpochOver):
        await write_once(log)
    with pytest.raises(Unavailable):
        await read_extent(log, "t")
    check = await check_heads(log, KnownHeads({"t": BEGINNING}), await read_clock(log), "g")
    assert check.epoch is None
    balance = await log.fetch_row("SELECT points FROM loyalty_accounts")
    assert balance is not None
    assert balance["points"] == 1


async def test_twenty_pods_at_once_enter_one_epoch_whose_forks_are_the_heads(log: Database) -> None:
    await open_tenant(log, "u")
    for _ in range(3):
        await write(log)
    await end_history(log)
    entered = set(await asyncio.gather(*(enter_epoch(log) for _ in range(20))))
    (epoch,) = entered
    assert epoch > 1
    assert (await extent_of(log)).forks == {1: 0, epoch: 3}
    assert (await extent_of(log, "u")).forks == {1: 0, epoch: 0}
    assert await write(log) == Offset(epoch, 4)
    assert await write(log, "u") == Offset(epoch, 1)
    check = await check_heads(log, KnownHeads({"t": BEGINNING, "u": BEGINNING}), await read_clock(log), "g")
    assert check.epoch == epoch
    assert check.heads == {"t": Offset(epoch, 4), "u": Offset(epoch, 1)}


async def test_a_head_check_tells_the_heads_that_differ_and_no_others(log: Database) -> None:
    await open_tenant(log, "u")
    await open_tenant(log, "v")
    head = await write(log)
    later = Offset(head.epoch, 7)
    known = {"t": head, "u": later, "v": Offset(head.epoch + 1, 0), "not-there": BEGINNING}
    check = await check_heads(log, KnownHeads(known), await read_clock(log), "g")
    # A history that lost commits, or is of another epoch, differs as much as one that went on.
    assert check.heads == {"u": Offset(head.epoch, 0), "v": Offset(head.epoch, 0)}
    await write(log)
    check = await check_heads(log, KnownHeads({"t": head}), check.moment, "g")
    assert check.heads == {"t": Offset(head.epoch, head.seq + 1)}
    assert (await check_heads(log, KnownHeads(), check.moment, "g")).heads == {}


async def test_a_head_check_does_not_go_through_terminals_that_did_not_change(log: Database) -> None:
    await log.fetch(
        "INSERT INTO terminals (terminal_id, tenant, name, changed_at)"
        " SELECT gen_random_uuid(), 't', 'till', now() - interval '1 hour' FROM generate_series(1, 3000)"
    )
    await log.fetch("ANALYZE terminals")
    since = await read_clock(log)
    before = await read_of_terminals(log)
    # More than five: then PostgreSQL takes one plan for all, which knows nothing of the moment.
    checks = 12
    for _ in range(checks):
        await check_heads(log, KnownHeads({"t": BEGINNING}), since, "g")
    after = await read_of_terminals(log)
    assert after["scans"] - before["scans"] >= checks, "the statistics were not told"
    # A join may fetch its first row before it sees that nothing is to be joined.
    assert after["rows"] - before["rows"] <= checks


async def read_of_terminals(log: Database) -> asyncpg.Record:
    """How often `terminals` was looked into, and how many rows that brought; a connection tells when it is asked to."""
    await log.fetch("SELECT pg_stat_force_next_flush()")
    row = await log.fetch_row(
        "SELECT seq_scan + idx_scan AS scans, seq_tup_read + idx_tup_fetch AS rows"
        " FROM pg_stat_user_tables WHERE relname = 'terminals'"
    )
    assert row is not None
    return row


async def test_under_writes_each_epoch_ends_at_its_fork_and_no_write_fails(log: Database) -> None:
    async def write_many() -> None:
        for _ in range(30):
            await write(log)

    writers = [asyncio.create_task(write_many()) for _ in range(4)]
    for number in (1, 2, 3):
        # A write is done again in the new epoch once; where the machine is busy, the next end must not overtake it.
        while len(await log.fetch("SELECT FROM pos_sync_logs")) < 25 * number:
            await asyncio.sleep(0.005)
        await end_history(log)
    await asyncio.gather(*writers)
    await enter_epoch(log)
    rows = await log.fetch("SELECT seq, epoch FROM pos_sync_logs ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 121))
    forks = (await extent_of(log)).forks
    assert len(forks) > 1
    for row in rows:
        assert row["epoch"] == max(epoch for epoch, fork in forks.items() if fork < row["seq"])


async def test_a_write_without_an_event_needs_no_epoch(log: Database) -> None:
    await end_history(log)
    arguments = [
        uuid.uuid4(),
        "till",
        "pickup",
        "Ada",
        None,
        None,
        None,
        100,
        "1.00",
        ["x"],
        [1],
        [100],
        [None],
    ]
    attempt = Attempt("t", None, None)
    written = await run_write(log, write_call("place_order", 17), attempt, *arguments, None)
    assert written.outcome == "ok"


async def test_a_tenant_that_comes_while_an_epoch_is_entered_is_in_it_afterwards(log: Database) -> None:
    await end_history(log)
    names = [f"new-{number}" for number in range(10)]
    await asyncio.gather(
        *(open_tenant(log, name) for name in names[:5]),
        enter_epoch(log),
        *(open_tenant(log, name) for name in names[5:]),
    )
    for name in names:
        assert (await write(log, name)).seq == 1


async def test_a_tenant_that_is_younger_than_an_epoch_shares_nothing_with_what_was_before(
    log: Database,
) -> None:
    await end_history(log)
    epoch = await enter_epoch(log)
    await open_tenant(log, "young")
    assert await write(log, "young") == Offset(epoch, 1)
    assert (await extent_of(log, "young")).forks == {1: 0, epoch: 0}


async def test_an_ack_of_an_event_that_is_no_more_is_not_taken_for_its_successor(log: Database) -> None:
    terminal = uuid.uuid4()
    await log.fetch("INSERT INTO terminals (terminal_id, tenant, name) VALUES ($1, 't', 'till')", terminal)
    await write(log)
    await end_history(log)
    epoch = await enter_epoch(log)
    head = await write(log)
    start = Offset(epoch, 0)
    reading = await poll_reading(
        log, "t", terminal, uuid.uuid4(), NOBODY, EVERYTHING, start, head, named=True
    )
    # The other history had a second event too; the terminal acks that one.
    for said, kept in ((Offset(1, 2), None), (Offset(1, 1), Offset(epoch, 1)), (head, head)):
        assert await ack_reading(log, "t", terminal, said, reading)
        assert await newest_ack(log, terminal) == kept


async def test_the_number_of_an_epoch_rises_even_where_the_clock_is_behind_it(log: Database) -> None:
    await log.fetch("UPDATE cluster_epochs SET epoch = 900000000, timeline = 'FFFFFFFF'")
    assert await enter_epoch(log) == 900_000_001


def dump(url: str) -> bytes:
    """A backup, as pg_dump makes it."""
    program = find_binaries(unprivileged()) / "pg_dump"
    return subprocess.run([program, url], capture_output=True, check=True, timeout=60).stdout


def restore(url: str, backup: bytes) -> None:
    """Restore a backup into an empty database."""
    command: list[str | Path] = [find_binaries(unprivileged()) / "psql", "-q", "-v", "ON_ERROR_STOP=1", url]
    subprocess.run(command, input=backup, capture_output=True, check=True, timeout=60)


async def test_a_backup_restored_into_the_same_server_is_another_history(
    log: Database, own_url: str, new_database: MakeDatabase, redis_url: str
) -> None:
    for _ in range(3):
        await write(log)
    backup = await asyncio.to_thread(dump, own_url)
    # After the backup the old history goes on, and terminals hear of it.
    assert await write(log) == Offset(1, 4)
    second = await new_database()
    await asyncio.to_thread(restore, second, backup)
    restored = await opened(second, redis_url)
    try:
        with pytest.raises(EpochOver):
            await write_once(restored)
        written = await write(restored)
        assert written.seq == 4
        assert written.epoch > 1
        assert (await extent_of(restored)).forks == {1: 0, written.epoch: 3}
    finally:
        await restored.close()


async def test_a_role_without_any_privilege_but_on_our_tables_is_enough(
    log: Database, own_url: str, redis_url: str
) -> None:
    role = f"app_{uuid.uuid4().hex}"
    owner = await asyncpg.connect(own_url)
    try:
        await owner.execute(f"""
            CREATE ROLE {role} LOGIN PASSWORD 'secret';
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
        """)
    finally:
        await owner.close()
    server = own_url.partition("@")[2]
    app = await opened(f"postgresql://{role}:secret@{server}", redis_url)
    try:
        await keep_settled(app)
        await end_history(app)
        assert (await write(app)).epoch > 1
    finally:
        await app.close()


async def test_by_hand_a_new_epoch_is_entered_whatever_the_server_shows(log: Database, own_url: str) -> None:
    """For a restore that leaves no mark: the history is another one from here, and writes go on in it."""
    written = await write(log)
    before, now = await new_epoch(own_url)
    assert before == written.epoch
    assert now > written.epoch
    assert (await extent_of(log)).head == Offset(now, written.seq)
    assert await write(log) == Offset(now, written.seq + 1)
    # Again is another one: nobody can tell how often somebody restores.
    again = await new_epoch(own_url)
    assert again[0] == now
    assert again[1] > now
