"""The metrics of a gateway. Names are the contract's; see `docs/metrics.md`.

Per event and per batch, never per socket, on the hot path.
"""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

CONNECTIONS = Gauge(
    "bellwire_gateway_connections",
    "Open connections of terminals.",
    ["transport"],
    multiprocess_mode="livesum",
)
TEST_CONNECTIONS = Gauge(
    "bellwire_gateway_test_connections",
    "Those of the open connections that are of test tenants, by their slugs.",
    multiprocess_mode="livesum",
)
DELIVERIES = Counter("bellwire_gateway_deliveries_total", "Events handed to connections.", ["transport"])
DELIVERY_SECONDS = Histogram(
    "bellwire_gateway_delivery_seconds",
    "Commit timestamp to socket write, live events; `test`: whether of test tenants, by their slugs.",
    ["test"],
    buckets=_LATENCY,
)
REPLAYED = Counter(
    "bellwire_gateway_replayed_events_total", "Events sent to cursors that lagged.", ["source"]
)
PAGES = Counter("bellwire_gateway_history_pages_total", "Range reads for cursors that lagged.", ["source"])
CLOSED = Counter(
    "bellwire_gateway_closed_total",
    "Connections that ended, by close code; a stream of server-sent events ends with the same codes.",
    ["code"],
)
GAPS = Counter(
    "bellwire_gateway_gaps_total", "Holes in a tenant's live feed, by what closed them.", ["healed_by"]
)
SLOW_CLOSED = Counter("bellwire_gateway_slow_closed_total", "Connections closed because they took nothing.")
TEST_SLOW_CLOSED = Counter(
    "bellwire_gateway_test_slow_closed_total", "Those of them that were of test tenants, by their slugs."
)
HEAD_CHECK_LAG = Gauge(
    "bellwire_gateway_head_check_lag_events",
    "Events that the last head check found missing here, all tenants.",
    multiprocess_mode="livesum",
)
BEHIND_SECONDS = Gauge(
    "bellwire_gateway_behind_seconds",
    "For how long the tenant that waits longest has lacked events here that PostgreSQL has.",
    multiprocess_mode="livemax",
)
HEAD_CHECKED = Gauge(
    "bellwire_gateway_head_check_timestamp_seconds",
    "When the last head check was answered, as a Unix time; 0 before the first.",
    multiprocess_mode="livemin",
)
UNHEARD = Gauge(
    "bellwire_gateway_unheard_tenants",
    "Tenants whose live channel cannot be trusted now; their heads are compared more often.",
    multiprocess_mode="livemax",
)
REFUSED = Counter(
    "bellwire_gateway_handshakes_refused_total", "Handshakes refused, by HTTP status.", ["status"]
)
LIMITED = Counter(
    "bellwire_gateway_limited_total",
    "Handshakes answered with 429, by what was exceeded: key, tenant, address.",
    ["limit"],
)
TICKETS = Counter(
    "bellwire_gateway_tickets_total",
    "Tickets that were brought: used for a place in a stream, or refused, being unknown, used before, too old or of a "
    "key that has ended.",
    ["outcome"],
)
WAITING = Gauge(
    "bellwire_gateway_handshakes_waiting", "Handshakes that wait for their turn.", multiprocess_mode="livesum"
)
ROOMS = Gauge(
    "bellwire_gateway_tenants", "Tenants followed, by each worker for itself.", multiprocess_mode="livesum"
)
RESETS = Counter("bellwire_gateway_resets_total", "Resets told to terminals.", ["reason"])
DRAINING = Gauge("bellwire_gateway_draining", "1 while this pod drains.", multiprocess_mode="livemax")

for _transport in ("websocket", "sse"):
    CONNECTIONS.labels(_transport)
OBSERVE_DELIVERY = {
    test: DELIVERY_SECONDS.labels("true" if test else "false").observe for test in (True, False)
}
DELIVERED = {_transport: DELIVERIES.labels(_transport) for _transport in ("websocket", "sse")}
TICKETS_USED, TICKETS_REFUSED = TICKETS.labels("used"), TICKETS.labels("refused")
REPLAYED_RING = REPLAYED.labels("ring")
REPLAYED_REDIS = REPLAYED.labels("redis")
REPLAYED_POSTGRES = REPLAYED.labels("postgres")
for _source in ("redis", "postgres"):
    PAGES.labels(_source)
for _source in ("wait", "redis", "postgres"):
    GAPS.labels(_source)
