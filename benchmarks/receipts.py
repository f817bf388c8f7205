"""`make bench ARGS=receipts`: the search for alarms among a million orders that are seen, and the cost of an ack.

One connection to a PostgreSQL of our own, statements as pods send them, medians of rounds. The versions before are
beside today's in the same round: their search looked at every pending order, their ack at a terminal's newest one.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from api.db.alarms import _DUE
from api.db.migrate import migrate
from backbone.eventlog.readings import _ADVANCE, _BEGIN
from infra.local.postgres import Postgres

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SHOPS = 10_000
ORDERS_A_SHOP = 100
UNSEEN, DUE_NOW = 2_000, 50
TERMINALS, TILLS_A_SHOP = 1_000, 5
ROUNDS = 20
ALARMS_A_LOOK = 200

SEARCH_BEFORE = """
    SELECT o.tenant, o.order_id
    FROM tenants t LEFT JOIN LATERAL (
        SELECT acked_epoch, acked_seq FROM terminals WHERE tenant = t.tenant AND acked_seq IS NOT NULL
        ORDER BY acked_epoch DESC, acked_seq DESC LIMIT 1
    ) a ON true
    JOIN orders o ON o.tenant = t.tenant AND o.status = 'pending' AND o.event_seq IS NOT NULL
         AND o.alarmed_at IS NULL
         AND (o.event_epoch, o.event_seq) > (coalesce(a.acked_epoch, 0), coalesce(a.acked_seq, 0))
         AND o.created_at < now() - make_interval(secs => t.ack_deadline_seconds)
    WHERE t.disabled_at IS NULL
    ORDER BY o.created_at LIMIT $1
"""

ACK_BEFORE = """
    WITH said AS (
        SELECT DISTINCT ON (a.terminal_id) a.terminal_id, a.tenant, a.epoch, a.seq
        FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[])
             AS a (terminal_id, tenant, epoch, seq)
        JOIN tenant_streams s ON s.tenant = a.tenant
        WHERE (a.epoch, a.seq) <= (s.epoch, s.seq) AND a.seq > 0 AND NOT EXISTS (
            SELECT FROM stream_forks f WHERE f.tenant = a.tenant AND f.epoch > a.epoch AND f.fork_seq < a.seq
        )
        ORDER BY a.terminal_id, a.epoch DESC, a.seq DESC
    ), locked AS (
        SELECT t.terminal_id FROM terminals t JOIN said USING (terminal_id, tenant)
        WHERE t.acked_seq IS NULL OR (t.acked_epoch, t.acked_seq) < (said.epoch, said.seq)
        ORDER BY t.terminal_id FOR NO KEY UPDATE OF t
    ), moved AS (
        UPDATE terminals t SET acked_epoch = said.epoch, acked_seq = said.seq, acked_at = clock_timestamp()
        FROM said JOIN locked USING (terminal_id)
        WHERE t.terminal_id = said.terminal_id AND t.tenant = said.tenant
          AND (t.acked_seq IS NULL OR (t.acked_epoch, t.acked_seq) < (said.epoch, said.seq))
        RETURNING t.terminal_id, t.acked_seq, t.tenant, t.acked_at
    )
    INSERT INTO terminal_acks (terminal_id, acked_seq, tenant, acked_at)
    SELECT terminal_id, acked_seq, tenant, acked_at FROM moved
    ON CONFLICT DO NOTHING
"""

_SHOPS = """
    INSERT INTO tenants (tenant, name) SELECT 's' || i, 'a shop' FROM generate_series(1, $1) i;
    INSERT INTO tenant_streams (tenant) SELECT 's' || i FROM generate_series(1, $1) i;
    INSERT INTO terminals (terminal_id, tenant, name, acked_epoch, acked_seq, acked_at)
    SELECT gen_random_uuid(), 's' || i, 'till', (SELECT max(epoch) FROM cluster_epochs), $2, now()
    FROM generate_series(1, $1) i
"""

_SEEN = """
    INSERT INTO orders (order_id, tenant, order_seq, source, order_type, customer_name, total_cents, event_epoch,
                        event_seq, created_at)
    SELECT gen_random_uuid(), 's' || i, n, 'online', 'pickup', 'Ada', 1, (SELECT max(epoch) FROM cluster_epochs), n,
           now() - interval '1 hour'
    FROM generate_series(1, $1) i, generate_series(1, $2) n
"""

_WAITING = """
    INSERT INTO unseen_orders (tenant, event_seq, event_epoch, order_id, placed_at, counts_from, alarm_at)
    SELECT 's' || i, 1000000, 1, gen_random_uuid(), now(), now(),
           now() + CASE WHEN i <= $2 THEN interval '-1 second' ELSE interval '1 hour' END
    FROM generate_series(1, $1) i
"""


@dataclass(frozen=True, slots=True)
class Search:
    """One search, in milliseconds, among so many pending orders that are seen."""

    pending: int
    now_ms: float
    before_ms: float


@dataclass(frozen=True, slots=True)
class Acks:
    """A statement with the acks of so many terminals, one order each, in milliseconds."""

    terminals: int
    now_ms: float
    before_ms: float
    positions_ms: float
    begin_ms: float


async def measure() -> tuple[list[Search], Acks]:
    """Measure on a server of our own."""
    server = Postgres()
    server.start()
    try:
        await migrate(server.url)
        connection = await asyncpg.connect(server.url, command_timeout=600)
        try:
            return [search async for search in _searches(connection)], await _acks(connection)
        finally:
            await connection.close()
    finally:
        server.stop()


async def _searches(database: Connection) -> AsyncIterator[Search]:
    for statement in _SHOPS.split(";"):
        values = [SHOPS, ORDERS_A_SHOP][: 1 + ("$2" in statement)]
        await database.execute(statement, *values)
    await database.execute(_WAITING, UNSEEN, DUE_NOW)
    await database.execute("ANALYZE")
    for orders in (0, ORDERS_A_SHOP):
        if orders:
            await database.execute(_SEEN, SHOPS, orders)
            await database.execute("VACUUM ANALYZE")
        now, before = [], []
        for _ in range(ROUNDS):
            now.append(await _timed(database, _DUE))
            before.append(await _timed(database, SEARCH_BEFORE))
        yield Search(SHOPS * orders, statistics.median(now), statistics.median(before))


async def _timed(database: Connection, search: str) -> float:
    began = time.perf_counter()
    await database.fetch(search, ALARMS_A_LOOK)
    return (time.perf_counter() - began) * 1000


async def _acks(database: Connection) -> Acks:
    epoch = await database.fetchval("SELECT max(epoch) FROM cluster_epochs")
    shops = [f"acking-{number}" for number in range(TERMINALS // TILLS_A_SHOP)]
    await database.execute("INSERT INTO tenants (tenant, name) SELECT t, t FROM unnest($1::text[]) t", shops)
    await database.execute("INSERT INTO tenant_streams (tenant) SELECT t FROM unnest($1::text[]) t", shops)
    terminals = [uuid.uuid4() for _ in range(TERMINALS)]
    own = [shops[number % len(shops)] for number in range(TERMINALS)]
    await database.execute(
        "INSERT INTO terminals (terminal_id, tenant, name) SELECT i, t, 'till'"
        " FROM unnest($1::uuid[], $2::text[]) AS a (i, t)",
        terminals, own,
    )  # fmt: skip
    readings = [uuid.uuid4() for _ in terminals]
    none, same = [None] * TERMINALS, [epoch] * TERMINALS
    began = time.perf_counter()
    await database.fetch(
        _BEGIN, readings, terminals, own, ["websocket"] * TERMINALS, "benchmark", ["192.0.2.1"] * TERMINALS,
        ["till/1.0"] * TERMINALS, none, none, none, same, [0] * TERMINALS, [False] * TERMINALS,
    )  # fmt: skip
    begin_ms = (time.perf_counter() - began) * 1000

    async def advance(seq: int, said: int | None) -> float:
        began = time.perf_counter()
        await database.fetch(
            _ADVANCE, readings, [0] * TERMINALS, same, [0] * TERMINALS, [seq] * TERMINALS, [said] * TERMINALS,
            none if said is None else [0.1] * TERMINALS, none, none,
        )  # fmt: skip
        return (time.perf_counter() - began) * 1000

    async def ack_before(seq: int) -> float:
        began = time.perf_counter()
        await database.fetch(ACK_BEFORE, terminals, own, same, [seq] * TERMINALS)
        return (time.perf_counter() - began) * 1000

    now, before, positions = [], [], []
    seq = 0
    for number in range(ROUNDS):
        seq += 1
        await _order_each(database, shops)
        # By turns, so that neither always finds the other's pages warm.
        if number % 2:
            now.append(await advance(seq, seq))
            before.append(await ack_before(seq))
        else:
            before.append(await ack_before(seq))
            now.append(await advance(seq, seq))
        seq += 1
        await _order_each(database, shops)
        positions.append(await advance(seq, None))
    median = statistics.median
    return Acks(TERMINALS, median(now), median(before), median(positions), begin_ms)


async def _order_each(database: Connection, shops: Sequence[str]) -> None:
    await database.execute(
        """
        SELECT place_order(t, NULL, NULL, gen_random_uuid(), 'online', 'pickup', 'Ada', NULL, NULL, NULL, 0, '0',
                           '{}', '{}', '{}', '{}', '{}') FROM unnest($1::text[]) t
        """,
        shops,
    )


def table(searches: Sequence[Search], acks: Acks) -> str:
    """The page."""
    lines = ["| pending orders that are seen | search for alarms, ms | before |", "| ---: | ---: | ---: |"]
    lines += [f"| {s.pending:,} | {s.now_ms:.2f} | {s.before_ms:.1f} |" for s in searches]
    ack = f"acks {acks.now_ms:.0f} ms (before: {acks.before_ms:.0f})"
    rest = f"positions alone {acks.positions_ms:.0f} ms, readings before their hello {acks.begin_ms:.0f} ms"
    lines += ["", f"A statement for {acks.terminals:,} terminals: {ack}, {rest}.", ""]
    return "\n".join(lines)


def run() -> tuple[str, list[object]]:
    """Measure, and return the page with the runs that it is of."""
    searches, acks = asyncio.run(measure())
    return table(searches, acks), [*searches, acks]
