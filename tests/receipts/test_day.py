"""A busy day of twenty terminals: their receipts and their shops' alarms are those that follow from their own notes.

`pytest tests/receipts/test_day.py --orders=2000 --seed=7` is the whole of it; a seed that is not given is told.
"""

import random
import statistics
from collections.abc import Iterator

import asyncpg
import pytest

from infra.local.valkey import Valkey
from tests.alarms.test_life import FAULTS as ALARM_FAULTS
from tests.conftest import MakeDatabase
from tests.receipts.day import Plan, day_of
from tests.receipts.test_machine import DATABASE_FAULTS, plant
from tests.receipts.verdict import Figures

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SHORT = 150
SHOWN = 25
# The last visits alone leave as many receipts that have to be there, and the shops of few terminals as many alarms.
DUE, ALARMS = 50, 3
# `--plant=NAME`: the day is of a cluster with that fault, and the verdict has to tell.
FUNCTIONS: dict[str, tuple[str, str, str]] = {
    **{name: fault for name, (fault, _) in DATABASE_FAULTS.items()},
    **{name: (function, right, wrong) for name, (function, right, wrong, _) in ALARM_FAULTS.items()},
    "one ack in ten is lost": ("advance_readings", "WHERE high > low", "WHERE high > low AND random() < 0.9"),
    "every terminal's ack counts": ("advance_readings", "s.alarm_roles IS NULL OR", "true OR"),
}
TRIGGERS = {
    "one order in ten is not among the unseen": ("INSERT", "RETURN CASE WHEN random() < 0.9 THEN NEW END"),
    "one attempt in three comes twice": (
        "UPDATE",
        "IF NEW.attempt > OLD.attempt AND random() < 0.3 THEN RETURN OLD; END IF; RETURN NEW",
    ),
    "one alarm in three is not ended": (
        "UPDATE", "IF NEW.seen_at IS NOT NULL AND random() < 0.3 THEN NEW.alarm_at := NULL; END IF; RETURN NEW",
    ),
}  # fmt: skip


@pytest.fixture
def mortal_valkey() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The short day is one: Redis dies in the middle of it."""
    short = metafunc.config.getoption("--orders") is None
    kinds = {"redis dies": True} if short else {"redis lives": False, "redis dies": True}
    metafunc.parametrize("redis_dies", kinds.values(), ids=kinds)


async def test_receipts_alarms_and_their_ends_are_those_of_everybodys_notes_whatever_is_killed(
    redis_dies: bool,
    migrated_database: MakeDatabase,
    mortal_valkey: Valkey,
    pod_env: dict[str, str],
    pytestconfig: pytest.Config,
) -> None:
    seed = pytestconfig.getoption("--seed")
    plan = Plan(
        orders=pytestconfig.getoption("--orders") or SHORT,
        seed=random.randrange(1 << 32) if seed is None else seed,
        redis_dies=redis_dies,
    )
    database = await migrated_database()
    fault = pytestconfig.getoption("--plant")
    if fault is not None:
        await spoil(database, fault)
    lines: list[str] = []
    async with day_of(database, mortal_valkey, pod_env, plan, lines) as day:
        complaints, figures = await day.run()
        kills = {name: len(moments) for name, moments in day.kills.items()}
    print(f"\nseed {plan.seed}, kills {kills}\n{told(figures)}")
    if fault is not None:
        print("\n".join(complaints[:SHOWN]))
        assert complaints, f"nothing was found of: {fault}"
        return
    assert not complaints, "\n".join([f"seed {plan.seed}, {len(complaints)} wrong:", *complaints[:SHOWN]])
    assert "Traceback" not in "\n".join(lines)
    # A verdict on little would be none. How much is open, or alarms, is a figure: it hangs on the machine.
    assert figures.orders == plan.orders
    assert figures.due >= DUE
    assert sum(figures.attempts.values()) >= ALARMS


async def spoil(url: str, fault: str) -> None:
    """Plant a fault into the database."""
    database = await asyncpg.connect(url)
    try:
        if fault in FUNCTIONS:
            await plant(database, *FUNCTIONS[fault])
            return
        event, does = TRIGGERS[fault]
        await database.execute(f"""
            CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; END $$;
            CREATE TRIGGER spoil BEFORE {event} ON unseen_orders FOR EACH ROW EXECUTE FUNCTION spoil();
        """)
    finally:
        await database.close()


def told(figures: Figures) -> str:
    """The counts of a day, for people."""
    late, ends = sorted(figures.lateness), sorted(figures.ends)
    return (
        f"{figures.orders} orders, {figures.receipts} receipts: {figures.due} had to be, {figures.open_words} open\n"
        f"alarms {dict(sorted(figures.attempts.items()))}, {figures.left_open} open\n"
        f"alarms behind their moment: median {statistics.median(late):.2f} s, 99 of 100 "
        f"{late[int(len(late) * 0.99)]:.2f} s, last {late[-1]:.2f} s; "
        f"{len(ends)} ends, last {ends[-1]:.2f} s behind the ack"
    )
