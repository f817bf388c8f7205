"""The bytes that the database makes are the bytes that `encode_event` makes, whatever the data."""

import asyncpg
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.contract.event import EventType, encode_event
from backbone.contract.offset import Offset
from backbone.contract.trace import traceparent_of
from tests.conftest import MakeDatabase
from tests.shop import Shop

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
DATA = st.dictionaries(
    TEXT, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=5), max_size=6
)
SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)

_APPEND = """
    SELECT (e).committed_ms, (e).payload
    FROM (SELECT append_event($1, $2, $3, $4, $5) AS e OFFSET 0) made
"""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tenant=SLUGS,
    epoch=st.integers(1, 2**31 - 1),
    seq=st.integers(1, 2**62),
    type_=st.sampled_from(EventType),
    members=DATA,
)
async def test_the_databases_envelope_is_byte_for_byte_ours(
    database: "asyncpg.Connection[asyncpg.Record]",
    tenant: str,
    epoch: int,
    seq: int,
    type_: EventType,
    members: dict[str, object],
) -> None:
    data = orjson.dumps(members)
    transaction = database.transaction()
    await transaction.start()
    try:
        row = await database.fetchrow(_APPEND, tenant, epoch, seq, type_.value, data.decode())
    finally:
        await transaction.rollback()
    assert row is not None
    ours = encode_event(tenant, Offset(epoch, seq), type_.value, row["committed_ms"], data)
    assert row["payload"] == ours


TRACE = st.builds(
    "00-{:032x}-{:016x}-{:02x}".format,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 255),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tenant=SLUGS, trace=TRACE, members=DATA)
async def test_with_a_trace_context_it_is_byte_for_byte_ours_too_and_gives_it_back(
    database: "asyncpg.Connection[asyncpg.Record]", tenant: str, trace: str, members: dict[str, object]
) -> None:
    data = orjson.dumps(members)
    transaction = database.transaction()
    await transaction.start()
    try:
        await database.execute("SELECT set_config('bellwire.traceparent', $1, true)", trace)
        row = await database.fetchrow(_APPEND, tenant, 1, 1, "new_order", data.decode())
    finally:
        await transaction.rollback()
    assert row is not None
    assert row["payload"] == encode_event(tenant, Offset(1, 1), "new_order", row["committed_ms"], data, trace)
    assert traceparent_of(row["payload"]) == trace
    # The setting is gone with its transaction.
    async with database.transaction():
        row = await database.fetchrow(_APPEND, tenant, 1, 2**40, "new_order", data.decode())
        await database.execute("DELETE FROM pos_sync_logs WHERE tenant = $1", tenant)
    assert row is not None
    assert row["payload"] == encode_event(tenant, Offset(1, 2**40), "new_order", row["committed_ms"], data)
    assert traceparent_of(row["payload"]) is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=DATA)
async def test_members_that_the_database_adds_go_in_front_and_change_nothing_else(
    database: "asyncpg.Connection[asyncpg.Record]", members: dict[str, object]
) -> None:
    data = orjson.dumps(members)
    spliced = await database.fetchval("SELECT splice_json($1, $2)", '"first \\" one":1', data.decode())
    assert orjson.loads(spliced) == {'first " one': 1, **members}
    assert data == b"{}" or spliced.encode().endswith(data[1:])


async def test_the_log_holds_every_events_own_place_and_time(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await shop.order()
    await shop.change_points("5551234", "add", 1)
    rows = await database.fetch("SELECT * FROM pos_sync_logs WHERE tenant = $1 ORDER BY seq", shop.slug)
    for row in rows:
        event = orjson.loads(row["payload"])
        assert event["offset"] == f"{row['epoch']}-{row['seq']}"
        assert event["type"] == row["type"]
        assert event["timestamp"] == row["committed_at"].isoformat(timespec="milliseconds").replace(
            "+00:00", "Z"
        )


async def test_a_database_that_speaks_another_time_zone_stamps_the_same_utc(
    migrated_database: MakeDatabase,
) -> None:
    url = await migrated_database()
    connection = await asyncpg.connect(url, server_settings={"timezone": "Asia/Kolkata"})
    try:
        await connection.execute("INSERT INTO tenants (tenant, name) VALUES ('t', 't')")
        row = await connection.fetchrow(_APPEND, "t", 1, 1, "new_order", "{}")
        assert row is not None
        assert row["payload"] == encode_event("t", Offset(1, 1), "new_order", row["committed_ms"], b"{}")
    finally:
        await connection.close()
