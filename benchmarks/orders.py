"""Orders: what one costs the pod, how near it comes to the database's own pace, what a hot shop does to others.

One API pod, Valkey, and a PostgreSQL that syncs every commit to disk (fsync on), all on this machine, the load beside
them. pgbench calls the same function with the same arguments on as many connections.
"""

import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.http_load import Tally, post_until, request_bytes
from infra.local.account import unprivileged
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.postgres_binaries import find_binaries
from infra.local.shops import open_shop
from infra.local.valkey import Valkey

CONNECTIONS = 8
HOT_CONNECTIONS = 64
CALM_SHOPS = 4
CALM_PAUSE_SECONDS = 0.1
WARM_SECONDS = 1.0
SECRET = "a secret of the benchmarks, long enough"
ORDER = {
    "orderType": "pickup",
    "customerName": "Ada Lovelace",
    "customerPhone": "+49 170 1234567",
    "items": [
        {"name": "Margherita", "quantity": 1, "unitPrice": 9.5},
        {"name": "Ayran", "quantity": 2, "unitPrice": 2.05},
        {"name": "Tiramisu", "quantity": 1, "unitPrice": 5.9, "notes": "two spoons"},
    ],
}
_DATA = (
    '{"status":"pending","orderType":"pickup","customerName":"Ada Lovelace","customerPhone":"+49 170 1234567",'
    '"customerEmail":null,"items":[{"name":"Margherita","quantity":1,"unitPrice":9.50,"notes":null},'
    '{"name":"Ayran","quantity":2,"unitPrice":2.05,"notes":null},'
    '{"name":"Tiramisu","quantity":1,"unitPrice":5.90,"notes":"two spoons"}],"totalAmount":19.50,'
    '"specialInstructions":null,"orderSource":"online"}'
)
# As the pod asks; :client_id gives each connection a shop of its own.
# A colon in the data would be a variable to pgbench, so the data is one itself.
PGBENCH = """
SELECT w.outcome, w.replayed, w.result, (w.event).epoch, (w.event).seq, (w.event).type, (w.event).committed_ms,
       (w.event).payload
FROM place_order('shop-' || :client_id, NULL, NULL, gen_random_uuid(), 'online', 'pickup', 'Ada Lovelace',
    '+49 170 1234567', NULL, NULL, 1950, '19.50', ARRAY['Margherita', 'Ayran', 'Tiramisu'], ARRAY[1, 2, 1],
    ARRAY[950, 205, 590]::bigint[], ARRAY[NULL, NULL, 'two spoons'], :data) AS w;
"""


@dataclass(frozen=True, slots=True)
class Orders:
    """One run. `calm` are other shops' 99th percentiles, without and with a hot shop beside them."""

    pod_cpu_us: float
    pod_per_second: float
    pgbench_per_second: float
    hot_alone_per_second: float
    hot_shared_per_second: float
    calm_p99_ms: float
    calm_beside_hot_p99_ms: float
    wrong: int


def measure(seconds: float) -> Orders:
    """Measure everything once, for `seconds` each."""
    server, valkey = Postgres(durable=True), Valkey()
    try:
        server.start()
        valkey.start()
        _bellwire(server, "migrate")
        operator = _bellwire(server, "operator-key").strip()
        with _pod(server, valkey, 16) as pod, _pod(server, valkey, 1) as alone:
            keys = _open_shops(pod, operator)
            return asyncio.run(_measure(pod, alone, keys, seconds, server))
    finally:
        valkey.stop()
        server.stop()


async def _measure(pod: Pod, alone: Pod, keys: list[str], seconds: float, server: Postgres) -> Orders:
    await _load(pod, keys[:CONNECTIONS], WARM_SECONDS)
    before = _cpu_seconds(pod.pid)
    spread = await _load(pod, keys[:CONNECTIONS], seconds)
    cpu = _cpu_seconds(pod.pid) - before
    database = await asyncio.to_thread(_pgbench, server, seconds)
    hot, calm = keys[0], keys[1 : 1 + CALM_SHOPS]
    one_by_one = await _load(alone, [hot] * HOT_CONNECTIONS, seconds)
    quiet = await _load(pod, calm, seconds, CALM_PAUSE_SECONDS)
    shared, beside = await asyncio.gather(
        _load(pod, [hot] * HOT_CONNECTIONS, seconds), _load(pod, calm, seconds, CALM_PAUSE_SECONDS)
    )
    tallies = (spread, one_by_one, quiet, shared, beside)
    return Orders(
        round(cpu / len(spread.seconds) * 1e6, 1),
        round(len(spread.seconds) / seconds, 1),
        round(database, 1),
        round(one_by_one.statuses.get(201, 0) / seconds, 1),
        round(shared.statuses.get(201, 0) / seconds, 1),
        _p99_ms(quiet),
        _p99_ms(beside),
        # A line that is too long is answered with 503, which is right; anything else is not.
        sum(
            count for tally in tallies for status, count in tally.statuses.items() if status not in (201, 503)
        ),
    )


async def _load(pod: Pod, keys: list[str], seconds: float, pause_seconds: float = 0.0) -> Tally:
    tally = Tally()
    end = time.monotonic() + seconds
    requests = [request_bytes("/api/tenant/orders/create", key, ORDER) for key in keys]
    await asyncio.gather(*(post_until(pod.port, request, end, tally, pause_seconds) for request in requests))
    return tally


def _p99_ms(tally: Tally) -> float:
    return round(statistics.quantiles(tally.seconds, n=100)[98] * 1000, 2)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pgbench(server: Postgres, seconds: float) -> float:
    program = find_binaries(unprivileged()) / "pgbench"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(PGBENCH)
        script.flush()
        result = subprocess.run(
            [program, "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-T", str(max(1, round(seconds))),
             "-D", f"data={_DATA}",
             "-f", script.name, server.url],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", result.stdout)
    assert found is not None, result.stdout
    return float(found[1])


def _bellwire(server: Postgres, command: str) -> str:
    command_line = [sys.executable, "-m", "bellwire", command, "--database-url", server.url]
    return subprocess.run(command_line, capture_output=True, text=True, check=True).stdout


@contextmanager
def _pod(server: Postgres, valkey: Valkey, orders_a_commit: int) -> Iterator[Pod]:
    settings = {
        "DATABASE_URL": server.url,
        "REDIS_URL": valkey.url,
        "CARD_SECRET": SECRET,
        "LOG_LEVEL": "warning",
        "API_DRAIN_SECONDS": "0",
        "WRITE_CONNECTIONS": str(CONNECTIONS),
        "ORDERS_A_COMMIT": str(orders_a_commit),
        # Nobody here is a flood.
        "KEY_RATE": "100000",
        "TENANT_RATE": "100000",
    }
    env = {**os.environ, **{f"BELLWIRE_{name}": value for name, value in settings.items()}}
    pod = Pod(
        "api", f"api-{orders_a_commit}", [sys.executable, "-m", "bellwire", "api"], free_port(), env=env
    )
    pod.start()
    try:
        pod.await_ready()
        yield pod
    finally:
        pod.stop(10)


def _open_shops(pod: Pod, operator: str) -> list[str]:
    headers = {"Authorization": f"Bearer {operator}"}
    with httpx.Client(base_url=pod.url, headers=headers, trust_env=False, timeout=30) as client:
        shops = [open_shop(client, f"shop-{number}", "A shop", ()) for number in range(CONNECTIONS)]
    return [shop.storefront_key for shop in shops]


def table(run: Orders) -> str:
    """The run, as lines."""
    share = run.pod_per_second / run.pgbench_per_second
    hot = run.hot_shared_per_second / run.hot_alone_per_second
    calm = run.calm_beside_hot_p99_ms / run.calm_p99_ms
    return "\n".join(
        [
            "",
            "orders of three items, one pod, every commit synced to disk",
            "",
            f"{'the pod’s own CPU a request':<44} {run.pod_cpu_us:>9.1f} µs",
            f"{'pod, 8 shops, 8 connections':<44} {run.pod_per_second:>9.1f} /s",
            f"{'pgbench, the same function':<44} {run.pgbench_per_second:>9.1f} /s   pod: {share:.2f} ×",
            f"{'one hot shop, an order a commit':<44} {run.hot_alone_per_second:>9.1f} /s",
            f"{'one hot shop, orders share commits':<44} {run.hot_shared_per_second:>9.1f} /s   {hot:.2f} ×",
            f"{'other shops’ p99, without the hot one':<44} {run.calm_p99_ms:>9.2f} ms",
            f"{'other shops’ p99, beside it':<44} {run.calm_beside_hot_p99_ms:>9.2f} ms   {calm:.2f} ×",
            f"{'answers that must not be':<44} {run.wrong:>9}",
            "",
        ]
    )


if __name__ == "__main__":
    print(table(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)))
