"""`after=acked` goes by readings whose filter let through all that the new one does, and by no other."""

import uuid

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.contract.event_filter import EventFilter

TYPES = ("new_order", "order_updated")
NAMES = ("bar", "grill")
CATEGORIES = ("hot", "cold")


def some(names: tuple[str, ...]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(st.sampled_from(names), min_size=1)


FILTERS = st.builds(EventFilter, some(TYPES), some(NAMES), some(CATEGORIES))
# Every event that the two could differ in: also of a station and of a category that nobody asks for.
SUBSETS = [frozenset[str](), *(frozenset({name}) for name in (*NAMES, *CATEGORIES, "else"))]
EVENTS = [
    (type_, stations, kinds) for type_ in (*TYPES, "order_more") for stations in SUBSETS for kinds in SUBSETS
]


def lets_through_all_of(one: EventFilter, other: EventFilter) -> bool:
    return all(one.passes(*event) for event in EVENTS if other.passes(*event))


# Days ago, and whether the connection goes on; a connection that does not ended with its last ack.
READINGS = st.tuples(FILTERS, st.integers(0, 4), st.booleans())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings=st.lists(READINGS, max_size=6), mirrored=st.none() | st.integers(0, 4), asked=FILTERS)
async def test_the_last_ack_is_the_latest_of_a_reading_that_let_through_all_that_is_asked_for(
    database: "asyncpg.Connection[asyncpg.Record]",
    readings: list[tuple[EventFilter, int, bool]],
    mirrored: int | None,
    asked: EventFilter,
) -> None:
    terminal = uuid.uuid4()
    acked = sorted(readings, key=lambda reading: -reading[1])
    transaction = database.transaction()
    await transaction.start()
    try:
        await database.execute("INSERT INTO tenants (tenant, name) VALUES ('last-ack', 'Acked')")
        await database.execute(
            """
            INSERT INTO terminals (terminal_id, tenant, name, acked_epoch, acked_seq, acked_at)
            SELECT $1, 'last-ack', 'till', 1, 1, now() - make_interval(days => $2)
            """,
            terminal, mirrored,
        )  # fmt: skip
        for seq, (filter_, days, goes_on) in enumerate(acked, start=1):
            await database.execute(
                """
                INSERT INTO readings (
                    reading_id, tenant, terminal_id, door, types, stations, categories, named, tail, epoch, began_seq,
                    from_seq, sent_seq, said_seq, said_at, began_at, ended_at
                )
                SELECT gen_random_uuid(), 'last-ack', $1, 'polling', $2, $3, $4, false, false, 1, 0, 0, $5, $5, said,
                       said, CASE WHEN NOT $7 THEN said END
                FROM (SELECT now() - make_interval(days => $6, secs => 10 - $5) AS said) moment
                """,
                terminal, *filter_.columns, seq, days, goes_on,
            )  # fmt: skip
        found = await database.fetchval(
            "SELECT seq FROM newest_ack($1, $2, $3, $4)", terminal, *asked.columns
        )
        newest = await database.fetchval("SELECT max(said_at) FROM readings WHERE terminal_id = $1", terminal)
        at_all = await database.fetchval("SELECT acked_at FROM newest_ack($1)", terminal)
    finally:
        await transaction.rollback()
    expected = [seq for seq, (one, _, _) in enumerate(acked, start=1) if lets_through_all_of(one, asked)]
    assert found == (expected[-1] if expected else None)
    assert newest is None or at_all >= newest
