"""The metrics that every kind of pod exports, and the page they are read from.

No label ever holds a tenant, a terminal, a phone or a card. Counters say what was, gauges what is; base units.
"""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from backbone.runtime.described import ANYBODY, About, DescribedRoute

REDIS_UP = Gauge("bellwire_redis_up", "1 while Redis answers this pod, else 0.")
POSTGRES_UP = Gauge("bellwire_postgres_up", "1 while PostgreSQL answers this pod, else 0.")
LOG_EPOCH = Gauge("bellwire_log_epoch", "The log's epoch as this pod knows it; it rises when history forked.")
STATEMENTS = Counter("bellwire_postgres_statements_total", "Statements sent to PostgreSQL.")


async def metrics_page(_: Request) -> Response:
    """`GET /metrics`, in Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def metrics_route() -> DescribedRoute:
    """The one route; the load balancer does not pass it on."""
    about = About("Pod", "What this pod counts.", ANYBODY, "text/plain")
    return DescribedRoute("GET", "/metrics", metrics_page, about)
