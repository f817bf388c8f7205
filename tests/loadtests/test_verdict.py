"""A run passes when everything was within its limits, and in no other case; each reason is one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtests.core.knee import Knee, Step, knee_of
from loadtests.core.limiting import limiting
from loadtests.core.profiles import PROFILES, Size
from loadtests.core.record import FAULTS, Record
from loadtests.core.thresholds import Thresholds, WrongThresholds, read_thresholds
from loadtests.core.verdict import Run, report_of, summary

SHIPPED = Path(__file__).resolve().parents[2] / "loadtests" / "thresholds.toml"
BEGAN = 1000.0
DOORS = ("websocket", "sse", "polling")


def a_record(milliseconds: float = 10.0, *, rate: int = 5, seconds: int = 15, until: float = 1e9) -> Record:
    record = Record()
    for second in range(int(BEGAN), int(BEGAN) + seconds):
        for _ in range(rate):
            record.note("POST orders/create", second, 8.0)
            for door in DOORS:
                record.note(f"EVENT order → {door} (probe)", second, milliseconds)
    return record


def a_report(record: Record, profile: str = "smoke", size: Size | None = None, **more: Any) -> dict[str, Any]:
    limits = read_thresholds(SHIPPED.read_text(encoding="utf-8"))
    size = size or PROFILES["smoke"].size
    seconds = PROFILES[profile].course(size).seconds
    return report_of(Run(profile, size, "x", BEGAN, BEGAN + seconds, record, **more), limits)


def test_a_clean_run_within_the_limits_passes_and_its_report_is_json() -> None:
    report = a_report(a_record())
    assert (report["passed"], report["complaints"]) == (True, [])
    assert json.loads(json.dumps(report)) == report
    assert "PASSED" in summary(report)


@pytest.mark.parametrize("kind", FAULTS)
def test_one_fault_of_any_kind_fails_a_run_and_is_named(kind: str) -> None:
    record = a_record()
    record.fault(kind, "kitchen: 1-5")
    report = a_report(record)
    assert report["complaints"] == [f"{kind}: 1, for example kitchen: 1-5"]
    assert "FAILED" in summary(report)


def test_a_p99_over_its_limit_fails_and_says_by_which_door() -> None:
    record = a_record()
    for _ in range(3):
        record.note("EVENT order → sse (probe)", int(BEGAN) + 10, 300.0)
    (complaint,) = a_report(record, "steady")["complaints"]
    assert complaint.startswith("EVENT order → sse (probe): p99 is 30")


def test_what_is_slow_before_the_measured_time_fails_nothing() -> None:
    record = a_record()
    record.note("EVENT order → sse (probe)", int(BEGAN) + 1, 5000.0)
    assert a_report(record)["passed"]


def test_one_request_that_failed_fails_the_run() -> None:
    record = a_record()
    record.failed("POST orders/create", int(BEGAN) + 8, "503")
    report = a_report(record)
    assert report["complaints"] == ["POST orders/create: 1 of 46 failed"]
    assert report["reasons"] == {"POST orders/create": {"503": 1}}


def test_a_connection_that_came_to_nothing_is_no_failed_request() -> None:
    record = a_record()
    record.failed("DOOR connect websocket (crowd)", int(BEGAN) + 8, "TimeoutError")
    assert a_report(record)["passed"]


def test_fewer_orders_than_were_to_be_placed_fail_the_run() -> None:
    complaints = a_report(a_record(rate=3))["complaints"]
    assert "3.0 orders/s were accepted, of 5.0 that were to be" in complaints


def test_a_run_in_which_nothing_arrived_proves_nothing_and_fails() -> None:
    report = a_report(Record())
    assert "no order was accepted, so nothing was measured" in report["complaints"]


def test_a_run_that_came_to_nothing_says_why_and_nothing_else() -> None:
    report = a_report(Record(), failed="the crowd did not come")
    assert report["complaints"] == ["nothing was measured: the crowd did not come"]


def test_a_load_test_without_cpu_says_that_it_measured_itself() -> None:
    record = a_record()
    for second in range(int(BEGAN), int(BEGAN) + 15):
        record.note("LOAD order sent after its moment", second, 400.0)
    (problem,) = a_report(record)["problems"]
    assert "the load test itself had too little CPU" in problem


def test_others_at_work_on_the_machine_are_noted() -> None:
    record = a_record()
    for second in range(int(BEGAN), int(BEGAN) + 15):
        for name, value in (
            ("cpu machine", 1.9),
            ("cores machine", 2.0),
            ("cpu api-1", 0.5),
            ("cpu generator", 0.2),
        ):
            record.value(name, second, value)
    (problem,) = a_report(record)["problems"]
    assert problem.startswith("programs that are none of ours took 1.20 of 2 cores")


def test_a_ramp_names_the_last_good_rate_the_first_bad_one_and_the_part_that_was_used_up() -> None:
    size = Size(10, 10, 20.0, 60.0, warm_up_seconds=1.0)
    record = Record()
    course = PROFILES["ramp"].course(size)
    for number, stage in enumerate(course.stages[1:4], 1):
        begin, end = course.span_of(number)
        for second in range(int(BEGAN + begin), int(BEGAN + end)):
            for place in range(round(stage.rate)):
                # A part of the orders comes by a platform.
                record.note(f"POST orders/create{' (aggregator)' if place % 5 == 0 else ''}", second, 8.0)
                record.note("EVENT order → websocket (probe)", second, 20.0 if number < 3 else 180.0)
            record.value("cpu api-1", second, 0.4 if number < 3 else 0.97)
    report = a_report(record, "ramp", size)
    assert report["passed"], report["complaints"]
    ramp = report["ramp"]
    assert isinstance(ramp, dict)
    assert (ramp["knee"]["good"]["number"], ramp["knee"]["beyond"]["number"]) == (2, 3)
    assert ramp["limiting"] == "api-1 used 0.97 of 1 core"
    assert "25 orders/s" in ramp["text"]


def steps(*p99s: float | None, answered: float = 20.0) -> list[Step]:
    return [Step(at, 20.0, answered, 5.0, p99, 12.0 * at, 12.0 * at + 12.0) for at, p99 in enumerate(p99s)]


def test_one_bad_moment_is_no_knee_and_two_steps_in_a_row_are() -> None:
    stray = knee_of(steps(10.0, 180.0, 12.0, 14.0), 100.0)
    assert (stray.good, stray.beyond) == (steps(0, 0, 0, 14.0)[3], None)
    knee = knee_of(steps(10.0, 180.0, 12.0, 190.0, 400.0), 100.0)
    assert knee.good is not None
    assert knee.beyond is not None
    assert (knee.good.number, knee.beyond.number) == (2, 3)


def test_a_ramp_that_has_no_step_yet_has_no_knee() -> None:
    assert knee_of([], 100.0) == Knee(None, None)


def test_the_last_step_is_looked_at_alone_only_when_no_other_comes() -> None:
    assert knee_of(steps(10.0, 180.0), 100.0).beyond is not None
    assert knee_of(steps(10.0, 180.0), 100.0, over=False).beyond is None
    assert knee_of(steps(10.0, 180.0, None), 100.0, over=False).beyond is not None


def test_a_step_falls_short_by_more_than_chance_and_needs_no_other() -> None:
    # 240 were asked for: 216 are nine tenths, and 31 fewer are chance.
    assert knee_of(steps(10.0, answered=186 / 12), 100.0, over=False).beyond is None
    assert knee_of(steps(10.0, answered=184 / 12), 100.0, over=False).beyond is not None


def test_memory_that_grows_fails_a_soak_and_no_shorter_run() -> None:
    record = a_record(seconds=700)
    for second in range(int(BEGAN), int(BEGAN) + 700):
        record.value("memory gateway-1", second, 1e8 + 1e4 * (second - BEGAN))
    size = Size(6, 12, 5.0, 600.0, warm_up_seconds=60.0)
    (complaint,) = a_report(record, "soak", size)["complaints"]
    assert complaint.startswith("memory gateway-1 grows: +3")
    assert a_report(record, "steady", size)["passed"]


def test_memory_that_rises_until_the_caches_are_full_fails_no_soak() -> None:
    record = a_record(seconds=700)
    for second in range(int(BEGAN), int(BEGAN) + 700):
        record.value("memory gateway-1", second, 1e8 + 1e4 * min(300, second - BEGAN))
    report = a_report(record, "soak", Size(6, 12, 5.0, 600.0, warm_up_seconds=60.0))
    assert report["passed"], report["complaints"]
    assert report["trends"]["memory gateway-1"]["per_hour"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("cpu", "words"),
    [
        ({}, "not known"),
        (
            {"api-1": 0.3, "machine": 0.9},
            "none was used up; the most used: the whole machine used 0.90 of 2 cores",
        ),
        ({"api-1": 0.3, "gateway-1": 0.96}, "gateway-1 used 0.96 of 1 core"),
        ({"generator": 0.99, "api-1": 0.5}, "generator (the load test itself) used 0.99 of 1 core"),
        (
            {"machine": 1.95, "postgres": 0.7, "api-1": 0.6},
            "the whole machine used 1.95 of 2 cores, the most of it",
        ),
    ],
)
def test_the_part_that_limits_is_the_one_that_is_used_up(cpu: dict[str, float], words: str) -> None:
    values = {f"cpu {part}": [(1, used), (2, used)] for part, used in cpu.items()}
    assert words in limiting({**values, "cores machine": [(1, 2.0)]} if cpu else {})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x = 1", "x: nothing reads that"),
        ("[[limit]]\nrow = 'a'\np99 = 1", "nothing reads p99"),
        ("[[limit]]\np99_ms = 1", "row is a text"),
        ("[[limit]]\nrow = 'a'\np99_ms = 'soon'", "p99_ms is a number"),
        ("[[limit]]\nrow = 'a'\nleast = -1", "least is a whole number"),
        ("[[growth]]\nvalue = 'a'", "percent_per_hour or per_hour is missing"),
        ("limit = 1", "[[limit]]"),
        ("failures = true", "failures is a number"),
        ("nonsense", "not TOML"),
    ],
)
def test_limits_that_mean_nothing_are_refused_with_the_word(text: str, word: str) -> None:
    with pytest.raises(WrongThresholds) as caught:
        read_thresholds(text)
    assert word in str(caught.value)


def test_limits_hold_for_the_profiles_that_they_name() -> None:
    (limit,) = read_thresholds("[[limit]]\nrow = 'a'\nprofiles = ['storm']\np99_9_ms = 3").limits
    assert (limit.is_for("storm"), limit.is_for("smoke"), limit.percentiles) == (True, False, ((0.999, 3.0),))
    assert Thresholds().service_level_ms == 100
