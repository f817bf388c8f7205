"""Orders: what one costs the pod, how near it comes to the database's own pace, what a hot shop does to others.

API pods, Valkey, and a PostgreSQL that syncs every commit to disk (fsync on), all on this machine, the load (wrk)
beside them. pgbench, asyncpg alone, and asyncpg behind a bare Starlette call the same function with the same arguments
on as many connections.
"""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks import floor
from benchmarks.wrk import Load, post
from infra.local.account import unprivileged
from infra.local.failure import CannotStart
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.postgres_binaries import find_binaries
from infra.local.shops import open_shop
from infra.local.valkey import Valkey
from infra.local.waiting import wait_until

CONNECTIONS = 8
HOT_CONNECTIONS = 64
CALM_SHOPS = 4
CALM_PAUSE_MS = 50
PATH = "/api/tenant/orders/create"
SECRET = "a secret of the benchmarks, long enough"
ORDER: dict[str, Any] = {
    "orderType": "pickup",
    "customerName": "Ada Lovelace",
    "customerPhone": "+49 170 1234567",
    "items": [
        {"name": "Margherita", "quantity": 1, "unitPrice": 9.5},
        {"name": "Ayran", "quantity": 2, "unitPrice": 2.05},
        {"name": "Tiramisu", "quantity": 1, "unitPrice": 5.9, "notes": "two spoons"},
    ],
}
FULL_ORDER: dict[str, Any] = {
    "orderType": "delivery",
    "customerName": "Ada Lovelace",
    "customerPhone": "+49 170 1234567",
    "items": [
        {
            "name": f"Dish {number}",
            "quantity": 1 + number % 3,
            "unitPrice": 8.5 + number / 4,
            "sku": f"D-{number}",
            "category": "Mains",
            "station": "Grill" if number % 2 else "Cold",
            "modifiers": [
                {"name": "Extra cheese", "quantity": 2, "unitPrice": 1.25},
                {"name": "Dip", "unitPrice": 0.8, "modifiers": [{"name": "Hot", "unitPrice": 0.1}]},
            ],
        }
        for number in range(12)
    ],
    "adjustments": [
        {"kind": "discount", "name": "Lunch", "amount": -5},
        {"kind": "tax", "name": "VAT 7 %", "amount": 12.4, "included": True},
        {"kind": "fee", "name": "Delivery", "amount": 2.9},
        {"kind": "tip", "name": "Tip", "amount": 4},
    ],
    "deliveryAddress": {"line1": "12 St James's Square", "city": "London", "postalCode": "SW1Y 4JH"},
}
"""Twelve items with three modifiers each, and adjustments: what a platform sends."""
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
class Rate:
    """Orders a second, and the CPU of one in the process that is looked at (0 where none is)."""

    per_second: float
    cpu_us: float = 0.0


@dataclass(frozen=True, slots=True)
class Orders:
    """One run. `full` is of orders of twelve items; `bare_http` and `bare_asyncpg` are the floor (`floor.py`).

    `busy` is the machine's share at work while two pods were; `calm` are other shops' 99th percentiles, without and
    with a hot shop beside them.
    """

    pod: Rate
    full: Rate
    bare_http: Rate
    bare_asyncpg: Rate
    pgbench: Rate
    two_pods: Rate
    two_pods_busy: float
    hot_alone: Rate
    hot_shared: Rate
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
        with contextlib.ExitStack() as pods:
            pod, second, alone = (pods.enter_context(_pod(server, valkey, most)) for most in (16, 16, 1))
            bare = pods.enter_context(_bare_http(server))
            keys = _open_shops(pod, operator)
            return asyncio.run(_measure(pod, second, alone, bare, keys, seconds, server))
    finally:
        valkey.stop()
        server.stop()


async def _measure(
    pod: Pod, second: Pod, alone: Pod, bare: "Bare", keys: list[str], seconds: float, server: Postgres
) -> Orders:
    shops = [f"shop-{number}" for number in range(CONNECTIONS)]
    hot, calm = keys[:1], keys[1 : 1 + CALM_SHOPS]
    loads: list[Load] = []

    async def load(
        port: int, keys: list[str], path: str = PATH, order: dict[str, Any] = ORDER, **how: int
    ) -> Load:
        loads.append(await post(port, path, keys, order, seconds=seconds, **how))
        return loads[-1]

    async def cost(
        pid: int, port: int, keys: list[str], path: str = PATH, order: dict[str, Any] = ORDER
    ) -> Rate:
        before = _cpu_seconds(pid)
        found = await load(port, keys, path, order)
        return Rate(found.placed_per_second, (_cpu_seconds(pid) - before) / found.answers * 1e6)

    async def crowd(port: int) -> Load:
        return await load(port, hot, connections=HOT_CONNECTIONS, threads=1)

    await asyncio.gather(load(pod.port, keys), load(second.port, keys), load(bare.port, shops, floor.PATH))
    one = await cost(pod.pid, pod.port, keys)
    full = await cost(pod.pid, pod.port, keys, order=FULL_ORDER)
    bare_http = await cost(bare.pid, bare.port, shops, floor.PATH)
    bare_asyncpg = await asyncio.to_thread(_bare_asyncpg, server, seconds)
    database = await asyncio.to_thread(_pgbench, server, seconds)
    idle = _idle_seconds()
    both = await asyncio.gather(load(pod.port, keys[:4]), load(second.port, keys[4:]))
    busy = 1 - (_idle_seconds() - idle) / (max(part.seconds for part in both) * (os.cpu_count() or 1))
    one_by_one = await crowd(alone.port)
    quiet = await load(pod.port, calm, pause_ms=CALM_PAUSE_MS)
    shared, beside = await asyncio.gather(crowd(pod.port), load(pod.port, calm, pause_ms=CALM_PAUSE_MS))
    return Orders(
        one,
        full,
        bare_http,
        bare_asyncpg,
        Rate(database),
        Rate(sum(part.placed_per_second for part in both)),
        busy,
        Rate(one_by_one.placed_per_second),
        Rate(shared.placed_per_second),
        quiet.p99_ms,
        beside.p99_ms,
        # A line that is too long is answered with 503, which is right; anything else is not.
        sum(load.lost for load in loads)
        + sum(count for load in loads for status, count in load.statuses.items() if status not in (201, 503)),
    )


@dataclass(frozen=True, slots=True)
class Bare:
    """The floor's server."""

    pid: int
    port: int


@contextlib.contextmanager
def _bare_http(server: Postgres) -> Iterator[Bare]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.floor", "http", str(port)],
        env={**os.environ, "BELLWIRE_DATABASE_URL": server.url},
        stdin=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(_DATA.encode())
        process.stdin.close()
        if not wait_until(lambda: _listens(port), 30):
            raise CannotStart("the bare server does not listen")
        yield Bare(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _bare_asyncpg(server: Postgres, seconds: float) -> Rate:
    command = [sys.executable, "-m", "benchmarks.floor", "loop", str(seconds)]
    env = {**os.environ, "BELLWIRE_DATABASE_URL": server.url}
    said = subprocess.run(command, env=env, input=_DATA, capture_output=True, text=True, check=True).stdout
    per_second, cpu_us = said.split()
    return Rate(float(per_second), float(cpu_us))


def _idle_seconds() -> float:
    idle, waiting = Path("/proc/stat").read_text().splitlines()[0].split()[4:6]
    return (int(idle) + int(waiting)) / os.sysconf("SC_CLK_TCK")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pgbench(server: Postgres, seconds: float) -> float:
    program = find_binaries(unprivileged()) / "pgbench"
    address = urlsplit(server.url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(PGBENCH)
        script.flush()
        result = subprocess.run(
            [program, "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-T", str(max(1, round(seconds))),
             "-D", f"data={_DATA}",
             "-f", script.name, "-h", address.hostname or "", "-p", str(address.port), "-U", address.username or "",
             address.path.removeprefix("/")],
            env={**os.environ, "PGPASSWORD": address.password or ""}, capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", result.stdout)
    assert found is not None, result.stdout
    return float(found[1])


def _bellwire(server: Postgres, command: str) -> str:
    command_line = [sys.executable, "-m", "bellwire", command]
    env = {**os.environ, "BELLWIRE_DATABASE_URL": server.url}
    return subprocess.run(command_line, env=env, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def _pod(server: Postgres, valkey: Valkey, orders_a_commit: int) -> Iterator[Pod]:
    settings = {
        "DATABASE_URL": server.url,
        "REDIS_URL": valkey.url,
        "CARD_SECRET": SECRET,
        "LOG_LEVEL": "warning",
        "API_DRAIN_SECONDS": "0",
        "WRITE_CONNECTIONS": str(CONNECTIONS),
        "ORDERS_A_COMMIT": str(orders_a_commit),
        # No client here is a flood.
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
    hot = run.hot_shared.per_second / run.hot_alone.per_second
    calm = run.calm_beside_hot_p99_ms / run.calm_p99_ms
    rates = [
        ("pod, 8 shops, 8 connections", run.pod),
        ("the same, twelve items with modifiers", run.full),
        ("bare Starlette and asyncpg, the same call", run.bare_http),
        ("bare asyncpg, the same call", run.bare_asyncpg),
        ("pgbench, the same call", run.pgbench),
        ("two pods, 4 connections each", run.two_pods),
        ("one hot shop, an order a commit", run.hot_alone),
        ("one hot shop, orders share commits", run.hot_shared),
    ]
    lines = [
        f"{name:<44} {rate.per_second:>8.0f} /s {run.pod.per_second / rate.per_second:>6.2f} ×"
        + (f" {rate.cpu_us:>8.0f} µs {run.pod.cpu_us / rate.cpu_us:>6.2f} ×" if rate.cpu_us else "")
        for name, rate in rates
    ]
    return "\n".join(
        [
            "",
            "orders of three items, every commit synced to disk; × is the pod’s figure in theirs",
            "",
            *lines,
            "",
            f"{'sharing commits against an order a commit':<44} {hot:>8.2f} ×",
            f"{'the machine’s share at work, two pods':<44} {run.two_pods_busy:>8.2f}",
            f"{'other shops’ p99, without the hot one':<44} {run.calm_p99_ms:>8.2f} ms",
            f"{'other shops’ p99, beside it':<44} {run.calm_beside_hot_p99_ms:>8.2f} ms {calm:.2f} ×",
            f"{'answers that must not be':<44} {run.wrong:>8}",
            "",
        ]
    )
