"""The figures that a pod says of itself are of all that its metrics counted, whatever labels these have."""

from prometheus_client import CollectorRegistry, Histogram

from backbone.runtime.figures import bounds, buckets
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
