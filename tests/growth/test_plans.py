"""Each call that a route, a till or the background makes all day finds its rows by their index.

The calls are those of `benchmarks/growth`, so what is timed there is held here. PostgreSQL counts, within a
transaction, the rows that were read one after the other and those that an index brought, inside of functions as well.
"""

from collections.abc import Sequence
from typing import Any, cast

import asyncpg
import pytest

from api.db.migrate import migrate
from backbone.eventlog.head_check import read_clock
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from benchmarks.growth.calls import CALLS, Open
from benchmarks.growth.world import World, fill
from infra.local.history import Connection
from tests.conftest import MakeDatabase

WORLD = World(shops=500, terminals=2, connections=40, events=110_000)
MOST_ROWS = 1_500
SMALL_TABLE = 2_000
# A small table is rightly read as it lies; `test_reads_stay_flat` holds those of shops and their terminals.
READ = """
    SELECT c.relname, t.seq_tup_read AS one_by_one, coalesce(t.idx_tup_fetch, 0) AS by_index
    FROM pg_stat_xact_user_tables t JOIN pg_class c ON c.oid = t.relid WHERE c.reltuples > $1
"""
# Of each call whose statement is a query: the indexes without which it would go through a table.
INDEXES = {
    "page of the log, newest": {"pos_sync_logs_*_pkey", "tenant_streams_pkey"},
    "page of the log, oldest": {"pos_sync_logs_*_pkey", "tenant_streams_pkey"},
    "extent of the log": {"pos_sync_logs_*_pkey", "tenant_streams_pkey"},
    "order by id": {"readings_of_time", "coverage_pkey", "order_status_history_pkey"},
    "order by number": {"orders_tenant_order_seq_key"},
    "order by externalId": {"orders_by_external_id"},
    "orders, newest": {"orders_tenant_order_seq_key"},
    "orders, open": {"orders_by_status"},
    "orders, unseen": {"unseen_orders_pkey", "orders_with_event"},
    "orders of a phone": {"orders_by_number"},
    "orders of a time": {"orders_by_moment", "orders_tenant_order_seq_key"},
    "journey, old order": {"readings_of_time", "coverage_pkey", "order_status_history_pkey"},
    "journey, new order": {"readings_of_time", "coverage_pkey", "order_status_history_pkey"},
    "connections of a terminal": {"readings_of_terminal", "terminals_tenant_terminal_id_key"},
    "search for due alarms": {"unseen_orders_due"},
    "head check, 100 shops": {"terminals_changed"},
    "look-up of a key": {"api_keys_pkey", "tenants_pkey"},
}
CUSTOM_PLANS = 5
"""So many the server makes of a statement at least, before it may keep one for whatever is asked."""
PLANNED = "SELECT max(custom_plans) FROM pg_prepared_statements WHERE statement = $1"
PLANNED_ANEW = {"orders of a phone"}
"""A search, by a person."""


class Noted:
    """One connection in the place of a pool, which keeps what it was asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    async def fetch(self, sql: str, *args: Any) -> Sequence[asyncpg.Record]:
        self.asked.append((sql, args))
        return await self._connection.fetch(sql, *args)

    async def fetch_row(self, sql: str, *args: Any) -> asyncpg.Record | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None


@pytest.fixture(scope="module")
async def filled(new_database: MakeDatabase) -> str:
    url = await new_database()
    await migrate(url)
    database = await asyncpg.connect(url, command_timeout=120)
    await fill(database, WORLD)
    await database.close()
    return url


async def read(connection: Connection) -> dict[str, tuple[int, int]]:
    """How many rows this transaction and those just before it read, of each table that is not small."""
    rows = await connection.fetch(READ, SMALL_TABLE)
    return {row["relname"]: (row["one_by_one"], row["by_index"]) for row in rows}


async def explained(connection: Connection, asked: Sequence[tuple[str, tuple[Any, ...]]]) -> str:
    lines = [
        row[0] for sql, args in asked for row in await connection.fetch(f"EXPLAIN (COSTS OFF) {sql}", *args)
    ]
    return "\n".join(lines)


def missing(plan: str, indexes: set[str]) -> set[str]:
    """Those that the plan does not use; the `*` is a day's partition."""
    return {name for name in indexes if name.split("*")[0] not in plan or name.split("*")[-1] not in plan}


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_each_call_reads_by_index_and_no_more_than_its_page(filled: str, mode: str) -> None:
    connection: Connection = await asyncpg.connect(filled, server_settings={"plan_cache_mode": mode})
    noted = Noted(connection)
    database = cast("Database", noted)
    at = Open(WORLD, database, await read_clock(database))
    wrong: list[object] = []
    try:
        for name, call in CALLS.items():
            transaction = connection.transaction()
            await transaction.start()
            before = await read(connection)
            noted.asked.clear()
            await call(at)
            for table, (one_by_one, by_index) in (await read(connection)).items():
                rows = one_by_one - before[table][0], by_index - before[table][1]
                if rows[0] or rows[1] > MOST_ROWS:
                    wrong.append((name, table, rows))
            plan = await explained(connection, noted.asked)
            if lacking := missing(plan, INDEXES.get(name, set())):
                wrong.append((name, lacking, plan))
            await transaction.rollback()
    finally:
        await connection.close()
    assert wrong == []


async def head_of_a_shop(at: Open) -> None:
    """As an ack over HTTP looks it up."""
    await read_heads(at.database, [at.world.shop(1)])


async def test_each_call_that_is_made_all_day_keeps_its_plan(filled: str) -> None:
    connection: Connection = await asyncpg.connect(filled)
    noted = Noted(connection)
    database = cast("Database", noted)
    at = Open(WORLD, database, await read_clock(database))
    planned_anew = set()
    try:
        for name, call in [*CALLS.items(), ("head of a shop", head_of_a_shop)]:
            noted.asked.clear()
            transaction = connection.transaction()
            await transaction.start()
            for _ in range(3 * CUSTOM_PLANS):
                await call(at)
            for sql, _ in noted.asked:
                if await connection.fetchval(PLANNED, sql) > CUSTOM_PLANS:
                    planned_anew.add(name)
            await transaction.rollback()
    finally:
        await connection.close()
    assert planned_anew == PLANNED_ANEW
