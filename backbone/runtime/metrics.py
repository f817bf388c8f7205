"""The metrics that every kind of pod exports, and the page they are read from.

No label ever holds a tenant, a terminal, a phone or a card. Counters say what was, gauges what is; base units. In a pod
of several workers any of them answers for all: counters added up, those of the dead included, gauges as each one says,
and `process_…` as the sum of its processes.
"""

import math
import os
from bisect import bisect_left
from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response

from backbone.runtime.process_metrics import PodProcesses
from backbone.runtime.routes import ANYBODY, DescribedRoute, RouteDoc
from backbone.runtime.version import VERSION

# One series more for each of a counter's, with the moment of its birth: nothing asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

REDIS_UP = Gauge(
    "bellwire_redis_up",
    "1 while Redis answers this pod, else 0; NaN in a pod's first moments, before that is known.",
    multiprocess_mode="livemin",
)
POSTGRES_UP = Gauge(
    "bellwire_postgres_up",
    "1 while PostgreSQL answers this pod, else 0; NaN in a pod's first moments, before that is known.",
    multiprocess_mode="livemin",
)
# A pod that begins has lost nothing yet.
REDIS_UP.set(math.nan)
POSTGRES_UP.set(math.nan)
SCHEMA_READY = Gauge(
    "bellwire_schema_ready",
    "1 when the database has the schema of this pod's version, 0 while it waits for that.",
    multiprocess_mode="livemin",
)
BUILD_INFO = Gauge(
    "bellwire_build_info",
    "1; its label is the release that this pod is of.",
    ["version"],
    multiprocess_mode="livemax",
)
BUILD_INFO.labels(VERSION).set(1)
LOG_EPOCH = Gauge(
    "bellwire_log_epoch",
    "The log's epoch as this pod knows it; it rises when history forked.",
    multiprocess_mode="livemax",
)
ACK_SECONDS = Histogram(
    "bellwire_ack_seconds",
    "From an order's commit to the first ack that counts for it.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
REDIS_REFUSED = Counter(
    "bellwire_redis_refused_total",
    "Messages and stream entries from Redis that were not believed, by way (live channel, stream) and reason: wrong "
    "(not ours, or changed), unsigned (from a pod without a secret).",
    ["way", "reason"],
)
STATEMENTS = Counter("bellwire_postgres_statements_total", "Statements sent to PostgreSQL.")
POOL_WAITS = Counter(
    "bellwire_postgres_pool_waits_total",
    "Statements that found every connection of their pool taken, by what became of them: served, refused (none came "
    "free, or nobody waited any more).",
    ["pool", "outcome"],
)
POOL_WAIT_SECONDS = Counter(
    "bellwire_postgres_pool_wait_seconds_total",
    "Seconds that statements waited for a connection of their pool; a second's growth is how many waited.",
    ["pool"],
)


def adder(counter: Counter) -> Callable[[float], None]:
    """Return what adds to a counter that has its labels: the library's own number, without its looks at the caller.

    For what every order counts; `add(1.0)`.
    """
    add: Callable[[float], None] = counter._value.inc
    return add


def observer(histogram: Histogram) -> Callable[[float], None]:
    """Return what notes a value in a histogram that has its labels, likewise."""
    bounds, total, buckets = histogram._upper_bounds, histogram._sum.inc, histogram._buckets
    adders = [bucket.inc for bucket in buckets]

    def observe(value: float) -> None:
        total(value)
        adders[bisect_left(bounds, value)](1.0)

    return observe


for _way in ("live", "stream"):
    for _reason in ("wrong", "unsigned"):
        REDIS_REFUSED.labels(_way, _reason)


async def metrics_page(_: Request) -> Response:
    """`GET /metrics`, in Prometheus' text format."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(PodProcesses(os.getppid()))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def metrics_route() -> DescribedRoute:
    """The one route; the load balancer does not pass it on."""
    doc = RouteDoc("Pod", "The metrics of this pod.", ANYBODY, "text/plain")
    return DescribedRoute("GET", "/metrics", metrics_page, doc)
