"""A function that writes and reads call all day is planned once in a session, and not with each of its calls.

PostgreSQL writes a short function of SQL into the query that calls it. One that it cannot write in, since it reads a
table or its arguments are costly, is read, planned and thrown away by each statement that calls it; one of PL/pgSQL is
kept.
"""

import asyncpg

FUNCTIONS = """
    SELECT p.oid::regprocedure::text AS signature, p.proname, p.proretset,
           ARRAY(
               SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n) ORDER BY n
           ) AS arguments
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'public'::regnamespace AND l.lanname = 'sql' AND p.prokind = 'f'
"""
SELDOM = {
    "asked_by_owner": "by each drop of a partition",
    "begin_readings": "a statement by itself, for all connections that begin together",
    "day_begins": "once by a search of orders by day",
    "forget_audit": "by the housekeeping",
    "rearm_alarms": "by a change of a tenant's alarms",
}
OF_THE_VERSION_BEFORE = {
    "change_order_status", "change_points", "lock_account", "mirror_acks", "move_points", "new_order_data",
    "order_payments_json", "purge_deleted_tenant", "silence_as_before",
}  # fmt: skip
"""For its pods, which may run beside; the ones of now ask others, by other arguments, or get nothing done by them."""


async def test_no_function_of_sql_that_is_asked_often_is_planned_with_each_call(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    by_itself = set()
    for function in await database.fetch(FUNCTIONS):
        arguments = function["arguments"]
        columns = ", ".join(f"NULL::{kind} AS a{number}" for number, kind in enumerate(arguments))
        call = f"{function['proname']}({', '.join(f'x.a{number}' for number in range(len(arguments)))})"
        row = f"(SELECT {columns} OFFSET 0) x"
        asked = (
            f"SELECT y.* FROM {row}, LATERAL {call} y"
            if function["proretset"]
            else f"SELECT {call} FROM {row}"
        )
        plan = await database.fetch(f"EXPLAIN (VERBOSE, COSTS OFF) {asked}")
        if any(f"{function['proname']}(" in line[0] for line in plan):
            by_itself.add(function["proname"])
    assert by_itself == {*SELDOM, *OF_THE_VERSION_BEFORE}


async def test_acks_keep_their_plans_for_lists_of_any_length(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    # Plans within a function are counted nowhere; those of statements are, in tests/growth/test_plans.py.
    kept = "SELECT proconfig FROM pg_proc WHERE proname = 'advance_readings'"
    assert [row[0] for row in await database.fetch(kept)] == [["plan_cache_mode=force_generic_plan"]]
