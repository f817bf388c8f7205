"""The costs that a plan is made of, each with the words of docs/performance.md that say it; a test holds both together.

They are what a machine of two cores gave, whose core took 7 to 10 µs for a `send()`. CPU scales with the core, bytes
are the same anywhere. A write is an order, or a step of one; a delivery is one event to one terminal with its ack.
"""

from dataclasses import dataclass

SOURCE = "docs/performance.md"


@dataclass(frozen=True, slots=True)
class Cost:
    """A measured figure, and the text by which it is found in the page."""

    value: float
    said: str


MICRO = 1e-6

# CPU, in seconds of a core.
API_WRITE = Cost(675 * MICRO, "| API pod, µs | 675 | – |")
POSTGRES_WRITE = Cost(1040 * MICRO, "| PostgreSQL, µs | 1,040 | 23 |")
POSTGRES_DELIVERY = Cost(23 * MICRO, "| PostgreSQL, µs | 1,040 | 23 |")
GATEWAY_EVENT = Cost(240 * MICRO, "| gateway, µs | 240 | 26 |")
GATEWAY_DELIVERY = Cost(26 * MICRO, "| gateway, µs | 240 | 26 |")
HAPROXY_WRITE = Cost(242 * MICRO, "| HAProxy with TLS, µs | 242 | 33 |")
HAPROXY_DELIVERY = Cost(33 * MICRO, "| HAProxy with TLS, µs | 242 | 33 |")
REDIS_EVENT = Cost(52 * MICRO, "| Valkey, µs | 52 | 1.1 |")
REDIS_DELIVERY = Cost(1.1 * MICRO, "| Valkey, µs | 52 | 1.1 |")
# Of a gateway, for what is there and silent: heartbeats of a terminal, head checks of a tenant.
REST_TERMINAL = Cost(1.65 * MICRO, "1.65 µs a second for a terminal and 12.7 for a tenant")
REST_TENANT = Cost(12.7 * MICRO, "1.65 µs a second for a terminal and 12.7 for a tenant")

# Bytes.
EVENT_BYTES = Cost(437, "An event had 437 bytes at the till")
WAL_WRITE = Cost(2220, "| write-ahead log, bytes | 2,220 | 175 |")
WAL_DELIVERY = Cost(175, "| write-ahead log, bytes | 2,220 | 175 |")
LOG_EVENT = Cost(614, "614 bytes in the log")
KEPT_ORDER = Cost(2510, "2,510 bytes of an order, and 277 for each terminal that saw it")
KEPT_TERMINAL = Cost(277, "2,510 bytes of an order, and 277 for each terminal that saw it")
REDIS_OUT = Cost(592, "592 bytes out of Valkey")
REDIS_KEPT = Cost(584, "584 bytes kept in its stream")
GATEWAY_SOCKET = Cost(7800, "**7.8 kB** of the processes' memory each")
HAPROXY_SOCKET = Cost(22_500, "22.5 kB of HAProxy with TLS")

# How many.
SOCKETS_A_WORKER = Cost(12_500, "12,430 to 12,673 on a worker")
TENANT_ORDERS = Cost(2056, "927 → 2,056")
