"""How many of each part a load needs, and how near each is to where it must be split. Arithmetic and nothing else.

Why: docs/decisions/0151-a-plan-from-measured-costs.md.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bellwire.plan import allowances as give
from bellwire.plan import costs as cost
from bellwire.plan.load import Load

MOST_CELLS = 64
GB = 1e9


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of process in a cell: how many, cores and memory of each; `busy` is in cores, of all together."""

    name: str
    count: int
    cores: int
    memory_gb: float
    busy: float
    why: str


@dataclass(frozen=True, slots=True)
class Limit:
    """How full something is that cannot grow by itself (1.0 is full), and what is done then. `cell`: cells mend it."""

    name: str
    share: float
    text: str
    then: str
    cell: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: so many equal cells, each of these parts. `impossible` are limits that no number of cells mends."""

    load: Load
    cells: int
    parts: tuple[Part, ...]
    limits: tuple[Limit, ...]
    remarks: tuple[str, ...]

    @property
    def impossible(self) -> tuple[Limit, ...]:
        return tuple(limit for limit in self.limits if limit.share > 1)

    def part(self, name: str) -> Part:
        """One of the parts by its name."""
        return next(part for part in self.parts if part.name == name)

    def total(self, name: str) -> int:
        """How many of a part there are in all cells."""
        return self.cells * self.part(name).count

    @property
    def cores(self) -> int:
        return self.cells * sum(part.count * part.cores for part in self.parts)


def plan(load: Load, postgres_cores: int = give.POSTGRES_CORES) -> Plan:
    """The smallest plan: as few cells as every limit allows, in powers of two, since a full cell is halved."""
    cells = 1
    # A tenant is not divided.
    while cells * 2 <= min(MOST_CELLS, load.tenants) and any(
        limit.cell and limit.share > 1 for limit in limits(load.of_a_cell(cells), postgres_cores)
    ):
        cells *= 2
    own = load.of_a_cell(cells)
    return Plan(load, cells, tuple(parts(own)), tuple(limits(own, postgres_cores)), tuple(_remarks(own)))


def parts(load: Load) -> Iterator[Part]:
    """The parts of one cell with this load."""
    busy = load.events * cost.API_WRITE.value
    yield Part(
        "API", _pods(_apis(load)), 1, give.API_BYTES / GB, busy,
        f"{load.events:,.0f} writes/s; one may die",
    )  # fmt: skip

    gateways = _pods(_gateways(load))
    sockets = load.terminals / (gateways - 1)
    yield Part(
        "gateway", gateways, 1, _gateway_bytes(load, sockets) / GB, _gateway_cpu(load),
        f"{sockets:,.0f} sockets each when one is gone",
    )  # fmt: skip

    balancers = _pods(_balancers(load))
    sockets = load.terminals / (balancers - 1)
    yield Part(
        "HAProxy", balancers, _cores(_haproxy_cpu(load) / give.BUSY / (balancers - 1)),
        (give.HAPROXY_TABLES + sockets * cost.HAPROXY_SOCKET.value) / GB, _haproxy_cpu(load),
        f"{sockets:,.0f} sockets each when one is gone",
    )  # fmt: skip

    busy = _postgres_cpu(load)
    size = _cores(busy / give.BUSY, least=2)
    yield Part(
        "PostgreSQL", give.POSTGRES_SERVERS, size, size * give.POSTGRES_GB_A_CORE, busy,
        "a primary and two standbys, one of them synchronous",
    )  # fmt: skip

    shards = _shards(load)
    yield Part(
        "Redis", shards * give.REDIS_COPIES, 1, (give.REDIS_BYTES + _redis_bytes(load) / shards * 2) / GB,
        _redis_cpu(load),
        "a primary with a replica" if shards == 1 else f"{shards} primaries with a replica each (Cluster)",
    )  # fmt: skip


def limits(load: Load, postgres_cores: int) -> Iterator[Limit]:
    """The limits that one cell cannot pass, and how near this load is."""
    busy = _postgres_cpu(load) / give.BUSY
    yield Limit(
        "one PostgreSQL's commits", busy / postgres_cores,
        f"{load.events:,.0f} commits/s want {busy:,.1f} of {postgres_cores} cores",
        "more cells: nothing else divides the log's writes",
    )  # fmt: skip
    wal = load.events * cost.WAL_WRITE.value + load.deliveries * cost.WAL_DELIVERY.value
    yield Limit(
        "one PostgreSQL's write-ahead log",
        wal / give.WAL_BYTES_A_SECOND,
        f"{wal / 1e6:,.1f} MB/s",
        "more cells",
    )
    shards = max(_redis_cpu(load) / give.REDIS_BUSY, _redis_bytes(load) / GB / give.REDIS_GB)
    out = load.events * cost.REDIS_OUT.value * _hearers(load)
    yield Limit(
        "one Redis' output", shards / give.MOST_SHARDS,
        f"{load.events:,.0f} events/s, {out / 1e6:,.1f} MB/s out: {_shards(load)} of {give.MOST_SHARDS} shards",
        "`redis+cluster://` from the second shard on; then more cells",
    )  # fmt: skip
    for name, need, then in (
        ("gateways behind a balancer", _gateways(load), "BELLWIRE_WORKERS, or more slots, or more cells"),
        ("API pods behind a balancer", _apis(load), "more slots, or more cells"),
        ("HAProxies behind one address", _balancers(load), "more cells, each with an address of its own"),
    ):
        # One more than are needed stands there.
        yield Limit(name, need / (give.SLOTS - 1), f"{_pods(need)} of {give.SLOTS}", then)
    a_tenant = load.orders_per_second / load.tenants
    yield Limit(
        "one tenant's orders", a_tenant / cost.TENANT_ORDERS.value,
        f"{a_tenant:,.4g} orders/s, each behind the same row's lock",
        "cannot be split: a shop this large has to be several tenants",
        cell=False,
    )  # fmt: skip


def _remarks(load: Load) -> Iterator[str]:
    api, gateways = _pods(_apis(load)), _pods(_gateways(load))
    connections = api * give.API_CONNECTIONS + gateways * give.GATEWAY_CONNECTIONS
    if connections > give.DIRECT_CONNECTIONS:
        yield f"{connections:,} connections to one PostgreSQL: PgBouncer in between (BELLWIRE_DATABASE_POOLER)"
    if load.terminals_a_tenant > give.TENANT_TERMINALS:
        yield f"{load.terminals_a_tenant:,.0f} terminals of a tenant: raise BELLWIRE_TENANT_TERMINALS"
    events = load.orders_a_day * load.events_an_order
    kept = load.orders_a_day * (cost.KEPT_ORDER.value + cost.KEPT_TERMINAL.value * load.terminals_a_tenant)
    log = events * load.retention_days * cost.LOG_EVENT.value
    yield f"disk of one PostgreSQL: {log / GB:,.1f} GB of log, and {kept * 365 / GB:,.1f} GB more each year"
    out = load.deliveries * cost.EVENT_BYTES.value
    yield f"network out to a cell's terminals: {out * 8 / 1e6:,.1f} Mbit/s, without TLS' and TCP's own"


def _pods(need: float) -> int:
    """So many that one may be missing, and never fewer than two."""
    return max(give.LEAST_PODS, math.ceil(need) + 1)


def _cores(need: float, least: int = 1) -> int:
    """Servers come with 1, 2, 4, 8 … cores."""
    return max(least, 2 ** math.ceil(math.log2(need))) if need > 0 else least


def _apis(load: Load) -> float:
    return load.events * cost.API_WRITE.value / give.BUSY


def _gateway_cpu(load: Load) -> float:
    return (
        load.events * _hearers(load) * cost.GATEWAY_EVENT.value
        + load.deliveries * cost.GATEWAY_DELIVERY.value
        + load.terminals * cost.REST_TERMINAL.value
        + load.tenants * cost.REST_TENANT.value
    )


def _gateways(load: Load) -> float:
    return max(_gateway_cpu(load) / give.BUSY, load.terminals / cost.SOCKETS_A_WORKER.value)


def _gateway_bytes(load: Load, sockets: float) -> float:
    """Of one gateway: its sockets, and the newest events of each tenant of theirs."""
    tenants = min(load.tenants, sockets / min(load.terminals_a_tenant, cost.SOCKETS_A_WORKER.value))
    held = min(give.RING_EVENTS, load.orders_a_day * load.events_an_order / load.tenants)
    ring = tenants * held * (cost.EVENT_BYTES.value + give.RING_OVERHEAD)
    return give.GATEWAY_BYTES + sockets * cost.GATEWAY_SOCKET.value + ring


def _hearers(load: Load) -> float:
    """How many gateways hear an event: a tenant that fills one is spread over several."""
    return 1 + load.terminals_a_tenant / cost.SOCKETS_A_WORKER.value


def _haproxy_cpu(load: Load) -> float:
    heartbeats = load.terminals / give.HEARTBEAT_SECONDS
    return (
        load.events * cost.HAPROXY_WRITE.value + (load.deliveries + heartbeats) * cost.HAPROXY_DELIVERY.value
    )


def _balancers(load: Load) -> float:
    # Eight cores of one HAProxy are as many as we would give it.
    return max(_haproxy_cpu(load) / give.BUSY / 8, load.terminals / give.HAPROXY_SOCKETS)


def _postgres_cpu(load: Load) -> float:
    return load.events * cost.POSTGRES_WRITE.value + load.deliveries * cost.POSTGRES_DELIVERY.value


def _redis_cpu(load: Load) -> float:
    return load.events * cost.REDIS_EVENT.value + load.deliveries * cost.REDIS_DELIVERY.value


def _redis_bytes(load: Load) -> float:
    """A stream for each tenant with an event within a day."""
    held = min(give.STREAM_EVENTS, load.orders_a_day * load.events_an_order / load.tenants)
    return load.tenants * held * cost.REDIS_KEPT.value


def _shards(load: Load) -> int:
    need = math.ceil(max(_redis_cpu(load) / give.REDIS_BUSY, _redis_bytes(load) / GB / give.REDIS_GB))
    return 1 if need <= 1 else max(give.LEAST_SHARDS, need)
