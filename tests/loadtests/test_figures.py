"""Figures are what was counted: percentiles never too low, parts that add up, windows of the measured time alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.core.figures import Span, rows_of, values_of
from loadtests.core.histogram import bucket_of, edge_of, merged, percentile, total
from loadtests.core.marker import sent_ns, stamp
from loadtests.core.record import LOST, OTHER, REASONS, Record
from loadtests.core.trend import trend_of

DURATIONS = st.floats(0.001, 1e6)


@given(DURATIONS)
def test_a_bucket_s_edge_is_not_below_the_duration_and_at_most_a_fortieth_above(milliseconds: float) -> None:
    edge = edge_of(bucket_of(milliseconds))
    assert milliseconds * (1 - 1e-9) <= edge <= milliseconds * 1.0221


@given(st.lists(DURATIONS, min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_within_a_bucket_of_the_exact_one(durations: list[float], share: float) -> None:
    buckets = merged({bucket_of(duration): 1} for duration in durations)
    exact = sorted(durations)[max(0, -(-len(durations) * share // 1).__int__() - 1)]
    found = percentile(buckets, share)
    assert found is not None
    assert exact * (1 - 1e-9) <= found <= exact * 1.0221
    assert total(buckets) == len(durations)


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile({}, 0.99) is None


def test_deltas_of_several_processes_add_up_to_the_record_of_one() -> None:
    one, parts = Record(), [Record(), Record()]
    for number in range(100):
        for record in (one, parts[number % 2]):
            record.note("EVENT x", 1000 + number // 10, number + 1, 10)
            if number % 7 == 0:
                record.failed("EVENT x", 1000 + number // 10, "503")
    one.fault(LOST, "a", 3)
    parts[0].fault(LOST, "a", 3)
    whole = Record()
    for part in parts:
        whole.add(json.loads(json.dumps(part.take())))
        assert part.rows == {}
    assert (whole.rows, whole.faults, whole.examples) == (one.rows, one.faults, one.examples)
    assert whole.reasons == one.reasons == {"EVENT x": {"503": 15}}


def test_a_row_that_fails_in_ever_new_ways_has_a_bound_and_its_failures_add_up() -> None:
    record, other = Record(), Record()
    for number in range(3 * REASONS):
        for each in (record, other):
            each.failed("POST acks (crowd)", 1000, f"error {number}")
    record.add(other.take())
    counts = record.reasons["POST acks (crowd)"]
    assert len(counts) == REASONS + 1
    assert (counts["error 0"], counts[OTHER], sum(counts.values())) == (2, 4 * REASONS, 6 * REASONS)


def test_only_the_measured_time_is_in_the_figures() -> None:
    record = Record()
    for second in range(100, 110):
        record.note("EVENT x", second, 5.0)
        record.value("memory api-1", second, second)
    span = Span(103, 106)
    row = rows_of(record, span)["EVENT x"]
    assert [window.second for window in row.windows] == [103, 104, 105]
    assert row.count == 3
    assert values_of(record, span)["memory api-1"] == [(103, 103), (104, 104), (105, 105)]


def test_a_long_run_has_wide_windows_and_loses_nothing() -> None:
    record = Record()
    for second in range(3600):
        record.note("EVENT x", second, 5.0)
    row = rows_of(record, Span(0, 3600))["EVENT x"]
    assert len(row.windows) == 240
    assert row.count == 3600


def test_a_line_that_grows_is_told_from_noise() -> None:
    rising = trend_of([(second, 100 + second / 36 + (second % 7)) for second in range(0, 3600, 10)])
    level = trend_of([(second, 100 + (second * 7919 % 13)) for second in range(0, 3600, 10)])
    assert rising is not None
    assert level is not None
    assert rising.per_hour == pytest.approx(100, rel=0.05)
    assert rising.least_percent_per_hour > 50
    assert level.least_percent_per_hour < 2
    assert trend_of([(1.0, 1.0)] * 5) is None


def test_an_order_carries_the_moment_it_was_sent_to_those_who_read_its_bytes() -> None:
    event = (
        b'{"type":"new_order","data":{"specialInstructions":"'
        + stamp(1_763_800_000_000_000_123).encode()
        + b'"}}'
    )
    assert sent_ns(event) == 1_763_800_000_000_000_123
    assert sent_ns(b'{"type":"new_order","data":{"specialInstructions":"no onions"}}') is None
