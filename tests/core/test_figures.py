"""The figures that a pod says of itself are of all that its metrics counted, whatever labels these have."""

import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from backbone.runtime.figures import bounds, buckets, by_label, servers
from backbone.runtime.metrics import POSTGRES_UP, REDIS_UP
from gateway import metrics


def test_a_histogram_with_labels_is_added_up_over_them() -> None:
    taken = Histogram("taken", "How long.", ["test"], buckets=(0.1, 1), registry=CollectorRegistry())
    for test, seconds in (("true", 0.05), ("true", 0.5), ("false", 0.5), ("false", 7)):
        taken.labels(test).observe(seconds)
    assert bounds(taken) == [0.1, 1.0]
    assert buckets(taken) == [1, 2, 1]


def test_the_bounds_of_deliveries_rise() -> None:
    found = bounds(metrics.DELIVERY_SECONDS)
    assert found == sorted(set(found))
    assert len(buckets(metrics.DELIVERY_SECONDS)) == len(found) + 1


def test_a_histogram_that_nothing_was_observed_in_has_its_buckets() -> None:
    taken = Histogram("taken", "How long.", ["test"], buckets=(0.1, 1), registry=CollectorRegistry())
    assert bounds(taken) == [0.1, 1.0]
    assert buckets(taken) == [0, 0, 0]


@pytest.mark.parametrize("kind", [Counter, Gauge])
def test_the_figures_are_what_the_page_of_metrics_says(kind: type[Counter | Gauge]) -> None:
    registry = CollectorRegistry()
    metric = kind("sent", "How many.", ["transport"], registry=registry)
    assert by_label(metric) == {}
    metric.labels("sse").inc(2)
    metric.labels("websocket").inc(40)
    said = {
        sample.labels["transport"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert by_label(metric) == said == {"sse": 2, "websocket": 40}


@pytest.mark.parametrize(("value", "answers"), [(0, False), (1, True), (math.nan, True)])
def test_a_server_is_taken_to_answer_until_more_is_known(value: float, answers: bool) -> None:
    before = servers()
    try:
        REDIS_UP.set(value)
        POSTGRES_UP.set(value)
        assert servers() == {"redis": answers, "postgres": answers}
    finally:
        REDIS_UP.set(before["redis"])
        POSTGRES_UP.set(before["postgres"])
