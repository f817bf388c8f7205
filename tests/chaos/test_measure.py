"""From the checker's report to a row's figures."""

from dataclasses import replace
from typing import Any

import pytest

from backbone.eventlog.keys import canary_channel, signed_channel
from backbone.runtime import faults
from chaos.measure import Result, markdown, measure, worst_of
from chaos.memory import MIB
from chaos.redis_rows import CANARY, LIVE
from chaos.rows import POINTS, ROWS, SHORT


def report(**changes: Any) -> dict[str, Any]:
    """A report of a run whose fault lasted from 100 to 110."""
    plain: dict[str, Any] = {
        "violations": {"loss": 0, "order": 0}, "examples": [], "events": 4, "applied": 4, "troubles": [],
        "samples": [
            [90.0, 90.01, "websocket", "a/b"], [101.0, 101.5, "websocket", "a/b"],
            [109.0, 109.02, "websocket", "a/b"], [130.0, 130.01, "websocket", "a/b"],
        ],
    }  # fmt: skip
    return plain | changes


def result(**changes: Any) -> Result:
    return measure("a row", 1, report(**changes), 100.0, 110.0)


def test_without_a_late_delivery_or_a_failing_answer_there_was_nothing_to_recover_from() -> None:
    calm = result()
    assert (calm.recovery, calm.violations, calm.http_5xx) == (0.0, 0, 0)
    assert calm.worst == pytest.approx(0.5)


def test_the_last_late_delivery_is_the_end_of_the_recovery() -> None:
    late = result(
        samples=[
            [101.0, 113.0, "websocket", "a/b"],
            [112.0, 112.1, "websocket", "a/b"],
            [120.0, 120.1, "websocket", "a/b"],
        ]
    )
    assert late.recovery == pytest.approx(3.0)
    assert late.worst == pytest.approx(12.0)


def test_the_last_failing_answer_is_the_end_of_the_recovery() -> None:
    failing = result(troubles=[[95.0, 503], [104.0, 0], [114.0, 502]])
    assert failing.recovery == pytest.approx(4.0)
    assert (failing.http_5xx, failing.no_answer) == (2, 1)


def test_events_from_before_the_fault_and_after_the_recovery_are_not_its_delays() -> None:
    assert result(
        samples=[
            [90.0, 99.0, "websocket", "a/b"],
            [130.0, 130.9, "websocket", "a/b"],
            [105.0, 105.1, "websocket", "a/b"],
        ]
    ).worst == pytest.approx(0.1)


def test_a_terminal_that_polls_is_told_apart_and_makes_nothing_late() -> None:
    polled = result(samples=[[101.0, 105.0, "polling", "a/b"], [102.0, 102.1, "websocket", "a/c"]])
    assert polled.worst == pytest.approx(0.1)
    assert polled.worst_polled == pytest.approx(4.0)
    assert polled.recovery == 0.0


def test_violations_of_all_kinds_are_added_up_and_told() -> None:
    broken = result(violations={"loss": 2, "order": 1}, examples=["loss: somebody"])
    assert broken.violations == 3
    assert "| `a row` | 1 | 10 s | 3 |" in markdown([broken])


def test_several_seeds_are_one_line_counts_added_up_and_times_those_of_the_worst() -> None:
    calm = result()
    failing = result(violations={"loss": 2}, troubles=[[104.0, 503]], events=6)
    [line] = worst_of([calm, replace(failing, p99=4.5, worst=None, recovery=2.0, gateway_growth=3 * MIB)])
    assert (line.seed, line.violations, line.http_5xx, line.events) == (2, 2, 1, 10)
    assert (line.p99, line.worst, line.recovery) == (4.5, calm.worst, 2.0)
    assert "| 2.0 s | 4.50 s | 0.50 s | – | +3 MiB | 10 |" in markdown([line])


def test_the_rows_sweep_every_fault_point_that_the_pods_have() -> None:
    assert set(POINTS) == set(faults.POINTS)
    assert {f"point-{point}" for point in POINTS} <= set(ROWS)
    assert set(SHORT) <= set(ROWS)


def test_the_channels_that_rows_speak_on_are_those_that_the_pods_listen_to() -> None:
    assert CANARY.format("gateway-1") == canary_channel("gateway-1")
    assert LIVE.format("kitchen") == signed_channel("kitchen")
