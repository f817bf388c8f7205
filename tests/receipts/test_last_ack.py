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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acked=st.lists(FILTERS, max_size=6), asked=FILTERS)
async def test_the_last_ack_is_the_latest_of_a_reading_that_let_through_all_that_is_asked_for(
    database: "asyncpg.Connection[asyncpg.Record]", acked: list[EventFilter], asked: EventFilter
) -> None:
    terminal = uuid.uuid4()
    transaction = database.transaction()
    await transaction.start()
    try:
        for seq, filter_ in enumerate(acked, start=1):
            await database.execute(
                """
                INSERT INTO readings (
                    reading_id, tenant, terminal_id, door, types, stations, categories, named, tail, epoch, began_seq,
                    from_seq, sent_seq, said_seq, said_at, began_at
                ) VALUES (gen_random_uuid(), 't', $1, 'polling', $2, $3, $4, false, false, 1, 0, 0, $5, $5, now(),
                          now())
                """,
                terminal, *filter_.columns, seq,
            )  # fmt: skip
        found = await database.fetchval(
            "SELECT seq FROM newest_ack($1, $2, $3, $4)", terminal, *asked.columns
        )
    finally:
        await transaction.rollback()
    expected = [seq for seq, one in enumerate(acked, start=1) if lets_through_all_of(one, asked)]
    assert found == (expected[-1] if expected else None)
