"""The tables say the median, the ratio to the limit and to each rival, and how many turns were disturbed."""

from dataclasses import replace

from benchmarks.fanout.contestants import LIMIT, Contestants
from benchmarks.fanout.disturbance import Disturbance
from benchmarks.fanout.gateway import Gateway
from benchmarks.fanout.latency import Wait, share
from benchmarks.fanout.measure import Phase
from benchmarks.fanout.profile import functions
from benchmarks.fanout.tables import fanout_table, latency_table, notes

CALM = Disturbance(steal=0.0, foreign=0.01, load_before=0.1, load_after=1.0)
BUSY = replace(CALM, foreign=1.5)
PHASE = Phase(
    server=LIMIT, sockets=1000, rooms=1, rate=50.0, broadcasts=200, complete=200, us_per_delivery=2.0,
    last_p50_ms=3.0, last_p99_ms=4.0,
    idle_bytes_per_socket=0.0, kernel_bytes_per_socket=5000.0, connects_per_second=9000.0, redis_us_per_event=None,
    disturbance=CALM,
)  # fmt: skip
WAIT = Wait(
    server=Gateway.name, sockets=10_000, rate=10.0, broadcasts=200, complete=199, last_p50_ms=30.0, last_p99_ms=50.0,
    last_max_ms=60.0, quiet_alone_p50_ms=1.0, quiet_alone_p99_ms=2.0, quiet_beside_p50_ms=1.0, quiet_beside_p99_ms=3.0,
    quiet_missing=2,
    disturbance=CALM,
)  # fmt: skip


def row(table: str, name: str) -> list[str]:
    line = next(line for line in table.splitlines() if name in line)
    return [cell.strip(" *") for cell in line.strip("|").split("|")]


def test_a_row_has_the_median_the_spread_and_the_ratios() -> None:
    ours = [
        replace(PHASE, server=Gateway.name, us_per_delivery=cost, redis_us_per_event=90.0, disturbance=disturbance)
        for cost, disturbance in ((2.5, CALM), (9.0, BUSY), (2.4, CALM))
    ]  # fmt: skip
    limits = [replace(PHASE, us_per_delivery=cost) for cost in (2.0, 6.0, 1.5)]
    rivals = [replace(PHASE, server="Node ws", us_per_delivery=cost) for cost in (5.0, 30.0, 3.0)]
    table = fanout_table([*limits, *ours, *rivals])
    # Turn by turn: 2.5 : 2.0, 9.0 : 6.0, 2.4 : 1.5.
    assert row(table, Gateway.name)[1:5] == ["2.50", "2.40–9.00", "1.50", "1.00"]
    assert row(table, Gateway.name)[-4:] == ["90", "0", "0 of 3", "1 of 3"]
    assert row(table, "Node ws")[3:5] == ["2.50", "0.50"]


def test_a_broadcast_that_did_not_reach_everybody_is_counted() -> None:
    assert row(fanout_table([PHASE, replace(PHASE, complete=197)]), LIMIT)[-3] == "3"
    assert row(latency_table([WAIT]), Gateway.name)[-3:-1] == ["1", "2"]


def test_a_turn_whose_events_were_later_than_the_next_one_is_overrun() -> None:
    late = replace(PHASE, last_p50_ms=1000 / PHASE.rate + 0.1)
    assert row(fanout_table([PHASE, late, late]), LIMIT)[-2] == "2 of 3"


def test_the_quiet_tenant_is_compared_with_itself() -> None:
    assert row(latency_table([WAIT]), Gateway.name)[4:7] == ["2.00", "3.00", "1.5"]


def test_who_knows_no_rooms_has_no_quiet_tenant() -> None:
    none = dict.fromkeys(
        ("quiet_alone_p50_ms", "quiet_alone_p99_ms", "quiet_beside_p50_ms", "quiet_beside_p99_ms")
    )
    assert row(latency_table([replace(WAIT, **none)]), Gateway.name)[4:7] == ["no rooms", "–", "–"]  # type: ignore[arg-type]


def test_the_notes_name_disturbed_turns_versions_and_who_is_left_out() -> None:
    said = notes(
        [PHASE, replace(PHASE, disturbance=BUSY)],
        Contestants({}, {"ws": "8.1"}, ["Centrifugo: no"]),
        "one core",
    )
    assert "Disturbed turns: 1 of 2" in said
    assert "at worst 150% of a core" in said
    assert "ws 8.1" in said
    assert "Left out: Centrifugo: no." in said


def test_a_profile_counts_a_function_that_calls_itself_once() -> None:
    found = {each.name: each for each in functions("main;walk;walk 3\nmain 1\n")}
    assert (found["walk"].own, found["walk"].whole) == (0.75, 0.75)
    assert (found["main"].own, found["main"].whole) == (0.25, 1.0)


def test_a_share_is_a_value_that_was_measured() -> None:
    assert share([3.0, 1.0, 2.0], 0.5) == 2.0
    assert share([float(number) for number in range(100)], 0.99) == 99.0
    assert share([1.0], 1.0) == 1.0
    assert share([], 0.5) == float("inf")
