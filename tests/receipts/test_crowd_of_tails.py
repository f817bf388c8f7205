"""Acks of a crowd that has just come back cost what each terminal's own connections cost, however many came.

Its terminals named an offset, so that each has a tail: a connection of which it is not settled what it goes on from.
The server may know nothing of that: what it has counted is from before the crowd.
"""

import uuid

import asyncpg

from tests.shop import Shop

CROWD = 1_500
ACKED = 100
TERMINALS = "INSERT INTO terminals (terminal_id, tenant, name) SELECT t, $1, 'till' FROM unnest($2::uuid[]) t"
CONNECTIONS = """
    INSERT INTO readings (
        reading_id, no, tenant, terminal_id, door, gateway, named, tail, epoch, began_seq, from_seq, sent_seq, began_at
    )
    SELECT t, n, $1, t, 'websocket', 'crowded', true, $3, s.epoch, 0, 0, 0, clock_timestamp()
    FROM unnest($2::uuid[]) WITH ORDINALITY AS u (t, n) JOIN tenant_streams s ON s.tenant = $1
"""
ACKS = """
    SELECT advance_readings(
        r, array_fill(0, n), array_fill(s.epoch, n), array_fill(0::bigint, n), array_fill(0::bigint, n),
        array_fill(0::bigint, n), array_fill(0::double precision, n), array_fill(NULL::double precision, n),
        array_fill(NULL::integer, n)
    )
    FROM (SELECT $2::uuid[] AS r, ARRAY[cardinality($2::uuid[])] AS n) a JOIN tenant_streams s ON s.tenant = $1
"""
READ = """
    SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables WHERE relname = 'readings'
"""


async def test_an_ack_in_a_crowd_reads_the_connections_of_its_own_terminal_alone(
    database: "asyncpg.Connection[asyncpg.Record]", shop: Shop
) -> None:
    before, crowd = ([uuid.uuid4() for _ in range(CROWD)] for _ in range(2))
    async with database.transaction():
        await database.execute(TERMINALS, shop.slug, before + crowd)
        await database.execute(CONNECTIONS, shop.slug, before, False)
        await database.execute("ANALYZE readings")
        await database.execute(CONNECTIONS, shop.slug, crowd, True)
        read = await database.fetchval(READ)
        await database.fetch(ACKS, shop.slug, crowd[:ACKED])
        assert await database.fetchval(READ) - read < 30 * ACKED
