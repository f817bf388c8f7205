"""`python -m benchmarks.shares`: what each part of the cluster has of an order's life, in CPU and in bytes.

The whole cluster, HAProxy in front, in the clear and with TLS. Orders are placed and moved on until they are done; each
of a shop's tills gets every event and acknowledges it. Bytes are exact and the same on any machine, which is what
`bellwire plan` takes from here; CPU is what this machine gave.
"""

import argparse
import asyncio
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.fanout.cpu import cpu_seconds, cpu_seconds_of, family, rss_bytes
from benchmarks.fanout.disturbance import Watch
from benchmarks.orders import ORDER
from benchmarks.report import write_json
from infra.local.certificate import make_certificate
from infra.local.cluster import Cluster
from infra.local.interrupt import raise_on_signals
from infra.local.plan import Plan
from infra.local.shops import open_shop

STEPS = ("preparing", "ready", "completed")
WRITERS = 8
AT_ONCE = 50
SETTLE_SECONDS = 12.0
ARRIVE_SECONDS = 120.0
# The log, which is dropped after its retention; all else stays.
_GROWN = """
    SELECT coalesce(sum(bytes) FILTER (WHERE name LIKE 'pos_sync_logs%'), 0)::bigint AS log,
           coalesce(sum(bytes) FILTER (WHERE name NOT LIKE 'pos_sync_logs%'), 0)::bigint AS rest
    FROM (
        SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    ) AS tables
"""


@dataclass(frozen=True, slots=True)
class Shares:
    """One run: µs of CPU, and bytes. A write is an order or a step of it, a delivery an event to a till and its ack."""

    tls: bool
    terminals: int
    orders: int
    writes: int
    deliveries: int
    event_bytes: float
    api_us_a_write: float
    postgres_us_a_write: float
    gateway_us_a_delivery: float
    haproxy_us_a_delivery: float
    haproxy_bytes_a_socket: float
    redis_us_a_write: float
    redis_bytes_out_a_write: float
    redis_bytes_kept_an_event: float
    wal_bytes_a_write: float
    log_bytes_an_event: float
    kept_bytes_an_order: float
    disturbed: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one moment."""

    cpu: dict[str, float]
    haproxy_bytes: int
    redis_out: int
    redis_memory: int
    wal: int
    log: int
    rest: int


class Till:
    """A socket that acknowledges every event."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events = self.bytes = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        async for text in self.socket:
            message = orjson.loads(text)
            if "offset" in message and message["type"] not in ("hello", "caught_up"):
                self.events += 1
                self.bytes += len(text)
                await self.socket.send(orjson.dumps({"type": "ack", "offset": message["offset"]}).decode())


async def _seat(cluster: Cluster, tenant: str, key: str, trust: ssl.SSLContext | None) -> Till:
    socket = await connect(
        f"{cluster.url.replace('http', 'ws', 1)}/ws/pos/{tenant}", compression=None, proxy=None, open_timeout=60,
        additional_headers={"Authorization": f"Bearer {key}"}, ping_interval=None, ssl=trust,
    )  # fmt: skip
    while orjson.loads(await socket.recv())["type"] != "caught_up":
        pass
    return Till(socket)


async def _read(cluster: Cluster, connection: "asyncpg.Connection[asyncpg.Record]") -> Reading:
    row = await connection.fetchrow(_GROWN)
    assert row is not None
    wal = await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
    facts = dict(line.split(":", 1) for line in cluster.own_valkey.say("INFO") if ":" in line)
    return Reading(
        {
            "api": sum(cpu_seconds(pod.pid) for pod in cluster.apis),
            "gateway": sum(cpu_seconds(pod.pid) for pod in cluster.gateways),
            "haproxy": cpu_seconds(cluster.own_load_balancer.pid),
            "redis": cpu_seconds(cluster.own_valkey.pid),
            "postgres": cpu_seconds_of(family(cluster.own_postgres.pid)),
        },
        rss_bytes(cluster.own_load_balancer.pid),
        int(facts["total_net_output_bytes"]),
        int(facts["used_memory_dataset"]),
        wal,
        row["log"],
        row["rest"],
    )


async def _place(
    cluster: Cluster, keys: Sequence[tuple[str, str, str]], orders: int, trust: ssl.SSLContext | None
) -> None:
    """Place orders and move each on to its end."""
    numbers = iter(range(orders))

    async def write(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            tenant, store, till = keys[number % len(keys)]
            path = f"{cluster.url}/api/tenant"
            async with session.post(
                f"{path}/orders/create", json=ORDER, headers={"Authorization": f"Bearer {store}"}
            ) as answer:
                answer.raise_for_status()
                order = (await answer.json())["orderId"]
            for status in STEPS:
                async with session.patch(
                    f"{path}/{tenant}/orders/{order}/status", json={"status": status},
                    headers={"Authorization": f"Bearer {till}"},
                ) as answer:  # fmt: skip
                    answer.raise_for_status()

    connector = aiohttp.TCPConnector(ssl=trust or True)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(write(session) for _ in range(WRITERS)))


async def _run(cluster: Cluster, trust: ssl.SSLContext | None, shops: int, each: int, orders: int) -> Shares:
    keys: list[tuple[str, str, str]] = []
    seats: list[tuple[str, str]] = []
    connection = await asyncpg.connect(cluster.database_url)
    with httpx.Client(
        base_url=cluster.url, headers={"Authorization": f"Bearer {cluster.operator_key}"}, timeout=60.0,
        trust_env=False, verify=cluster.tls,
    ) as client:  # fmt: skip
        for number in range(shops):
            shop = await asyncio.to_thread(
                open_shop, client, f"shop-{number}", "A shop", tuple(f"till-{till}" for till in range(each))
            )
            keys.append((shop.slug, shop.storefront_key, shop.terminals[0].key))
            seats += [(shop.slug, terminal.key) for terminal in shop.terminals]
    empty = (await _read(cluster, connection)).haproxy_bytes
    slots = asyncio.Semaphore(AT_ONCE)

    async def enter(tenant: str, key: str) -> Till:
        async with slots:
            return await _seat(cluster, tenant, key, trust)

    tills = await asyncio.gather(*(enter(*seat) for seat in seats))
    tasks = [asyncio.create_task(till.run()) for till in tills]
    await connection.execute("CHECKPOINT")
    await asyncio.sleep(SETTLE_SECONDS)
    before, watch = await _read(cluster, connection), Watch()
    await _place(cluster, keys, orders, trust)
    writes = orders * (1 + len(STEPS))
    async with asyncio.timeout(ARRIVE_SECONDS):
        while sum(till.events for till in tills) < writes * each:
            await asyncio.sleep(0.2)
    await asyncio.sleep(2.0)
    after = await _read(cluster, connection)
    disturbed = watch.read().disturbed
    for task in tasks:
        task.cancel()
    for till in tills:
        till.socket.transport.abort()
    await connection.close()
    deliveries = sum(till.events for till in tills)
    used = {part: (after.cpu[part] - before.cpu[part]) * 1e6 for part in before.cpu}
    return Shares(
        trust is not None,
        len(tills),
        orders,
        writes,
        deliveries,
        sum(till.bytes for till in tills) / deliveries,
        used["api"] / writes,
        used["postgres"] / writes,
        used["gateway"] / deliveries,
        used["haproxy"] / deliveries,
        (before.haproxy_bytes - empty) / len(tills),
        used["redis"] / writes,
        (after.redis_out - before.redis_out) / writes,
        (after.redis_memory - before.redis_memory) / writes,
        (after.wal - before.wal) / writes,
        (after.log - before.log) / writes,
        (after.rest - before.rest) / orders,
        disturbed,
    )


def measure(tls: bool, shops: int, each: int, orders: int) -> Shares:
    """One run with a cluster of its own."""
    with ExitStack() as stack:
        certificate = None
        if tls:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            certificate = make_certificate(folder, folder / "authority.pem")
        cluster = stack.enter_context(Cluster(Plan(api_pods=1, gateway_pods=2), certificate=certificate))
        trust = None if certificate is None else certificate.trusting()
        return asyncio.run(_run(cluster, trust, shops, each, orders))


def table(runs: Sequence[Shares]) -> str:
    """A column a run."""
    lines = ["", "shares of an order's life", ""]
    lines += [
        f"{name:<28}" + "".join(f"{getattr(run, name):>14,.6g}" for run in runs) for name in Shares.__slots__
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=100)
    parser.add_argument("--tills", type=int, default=10, help="of each shop (10)")
    parser.add_argument("--orders", type=int, default=1000)
    words = parser.parse_args()
    raise_on_signals()
    runs = [measure(tls, words.shops, words.tills, words.orders) for tls in (False, True)]
    print(table(runs))
    print(f"written to {write_json('shares', runs)}")


if __name__ == "__main__":
    main()
