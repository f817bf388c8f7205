"""A change is told from noise: the same load twice is the same, whatever chance does; a slower one is worse."""

import random
from typing import Any

from loadtests.core.compare import compare, new_faults
from loadtests.core.histogram import bucket_of

ROW = "EVENT order → websocket (probe)"


def a_report(
    seed: int, middle: float, *, rows: tuple[str, ...] = (ROW,), knee: float | None = None
) -> dict[str, Any]:
    chance = random.Random(seed)

    def windows() -> list[list[Any]]:
        made = []
        for second in range(120):
            buckets: dict[str, int] = {}
            for _ in range(20):
                bucket = str(bucket_of(middle * chance.lognormvariate(0, 0.5)))
                buckets[bucket] = buckets.get(bucket, 0) + 1
            made.append([second, 0, 0, buckets])
        return made

    ramp = None if knee is None else {"knee": {"good": {"asked": knee}, "beyond": None}}
    return {"rows": {row: {"windows": windows()} for row in rows}, "ramp": ramp, "faults": {"lost": 0}}


def words(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    chance = random.Random(1)
    return [change.word for change in compare(before, after, chance.randrange)]


def test_twice_the_same_load_is_the_same() -> None:
    assert [words(a_report(seed, 10.0), a_report(seed + 100, 10.0)) for seed in range(2)] == [
        ["same", "same"]
    ] * 2


def test_a_slower_run_is_worse_and_the_other_way_round_better() -> None:
    slow, quick = a_report(1, 14.0), a_report(2, 10.0)
    assert words(quick, slow) == ["worse", "worse"]
    assert words(slow, quick) == ["better", "better"]


def test_a_change_below_the_tolerance_is_the_same_however_sure_it_is() -> None:
    assert words(a_report(1, 10.0), a_report(1, 10.25)) == ["same", "same"]


def test_rows_that_only_one_run_has_are_left_out() -> None:
    assert words(a_report(1, 10.0, rows=("POST x",)), a_report(1, 10.0)) == []
    assert words(a_report(1, 1.0, rows=("LOAD x",)), a_report(1, 9.0, rows=("LOAD x",))) == []


def test_a_knee_at_a_lower_rate_is_worse() -> None:
    chance = random.Random(1)
    before, after = a_report(1, 10.0, knee=100.0), a_report(1, 10.0, knee=80.0)
    assert compare(before, after, chance.randrange)[0].row == "the ramp's knee, orders a second"
    assert compare(before, after, chance.randrange)[0].word == "worse"
    assert compare(after, before, chance.randrange)[0].word == "better"


def test_a_fault_that_was_not_there_before_is_named() -> None:
    before, after = a_report(1, 10.0), a_report(1, 10.0)
    after["faults"] = {"lost": 2}
    assert new_faults(before, after) == ["worse   lost: 0 → 2"]
    assert new_faults(after, before) == []
