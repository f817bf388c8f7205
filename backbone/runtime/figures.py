"""The figures that a pod says of itself, read from the metrics that it exports. Of this process alone."""

from collections import Counter as Counts

from prometheus_client import Counter, Gauge, Histogram

from backbone.runtime.metrics import POSTGRES_UP, REDIS_UP


def by_label(metric: Counter | Gauge, label: str) -> dict[str, int]:
    """The values of a metric with one label, by that."""
    return {
        sample.labels[label]: int(sample.value)
        for family in metric.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def buckets(histogram: Histogram) -> list[int]:
    """How many observations fell into each bucket, the one beyond the last bound included; not added up.

    Its labels are added up: all of its observations are counted.
    """
    reached = list(_reached(histogram).values())
    return [count - before for count, before in zip(reached, [0, *reached], strict=False)]


def bounds(histogram: Histogram) -> list[float]:
    """The upper bounds of its buckets, in seconds, without the last, which is endless."""
    return list(_reached(histogram))[:-1]


def _reached(histogram: Histogram) -> Counts[float]:
    """The observations up to each bound, in the bounds' order."""
    reached: Counts[float] = Counts()
    for family in histogram.collect():
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                reached[float(sample.labels["le"])] += int(sample.value)
    return reached


def servers() -> dict[str, bool]:
    """Whether the two servers answer this pod; before that is known they are taken to (the gauge is NaN then)."""
    states = {"redis": REDIS_UP, "postgres": POSTGRES_UP}
    return {
        name: bool(next(iter(next(iter(gauge.collect())).samples)).value) for name, gauge in states.items()
    }
