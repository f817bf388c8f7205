"""A gateway that carries many shops: a thousand tenants with a till each, thousands of events a second, one process.

The gateway is the real one, with its head check over all tenants each second, its heartbeats and its metrics. The
events are announced on Redis and not committed, because PostgreSQL would need the cores that are measured: so nothing
that Redis lost could be made up for, and every event that arrives came by the live channel.
"""

import asyncio
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from api.db.migrate import migrate
from backbone.contract.event import Event, encode_event
from backbone.contract.keys import KeyKind, hash_key, make_key
from backbone.contract.offset import Offset
from benchmarks.fanout.cpu import cpu_seconds
from benchmarks.redis_wire import RedisWire, announcement
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey

ROOT = Path(__file__).resolve().parents[1]
STEP_SECONDS = 0.01
IDLE_SECONDS = 5.0
SETTLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Carried:
    """One run. Shares are of one core; delays in ms, from the announcement to the till's read."""

    tenants: int
    events: int
    per_second: float
    idle_share: float
    busy_share: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    lost: int
    out_of_order: int


async def measure(tenants: int, rate: int, seconds: float) -> Carried:
    """Start everything, let `rate` events a second through for `seconds`, and stop everything."""
    postgres, valkey = Postgres(), Valkey()
    pod: Pod | None = None
    try:
        await asyncio.gather(asyncio.to_thread(postgres.start), asyncio.to_thread(valkey.start))
        await migrate(postgres.url)
        keys = await _register(postgres.url, tenants)
        pod = _gateway(postgres.url, valkey.url)
        pod.start()
        await asyncio.to_thread(pod.await_ready)
        return await _carry(pod, valkey.port, keys, rate, seconds)
    finally:
        if pod is not None:
            await asyncio.to_thread(pod.stop, 0.1)
        await asyncio.to_thread(valkey.stop)
        await asyncio.to_thread(postgres.stop)


async def _carry(pod: Pod, redis_port: int, keys: list[str], rate: int, seconds: float) -> Carried:
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as file:
        file.write("\n".join(keys))
        file.flush()
        tills = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.tills", str(pod.port), file.name,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        try:
            assert tills.stdout is not None
            assert await asyncio.wait_for(tills.stdout.readline(), 60) == b"open\n"
            return await _measure(pod, tills, redis_port, len(keys), rate, seconds)
        finally:
            if tills.returncode is None:
                tills.kill()
            await tills.wait()


async def _measure(
    pod: Pod, tills: asyncio.subprocess.Process, redis_port: int, tenants: int, rate: int, seconds: float
) -> Carried:
    await asyncio.sleep(SETTLE_SECONDS)
    idle = await _share(pod.pid, IDLE_SECONDS)
    before, began = cpu_seconds(pod.pid), time.monotonic()
    sent = await asyncio.to_thread(_announce, redis_port, tenants, rate, seconds)
    took = time.monotonic() - began
    cpu = cpu_seconds(pod.pid) - before
    await asyncio.sleep(1)
    report = json.loads((await asyncio.wait_for(tills.communicate(b"end\n"), 60))[0])
    delays = report["delays_ms"]
    cuts = statistics.quantiles(delays, n=100)
    return Carried(
        tenants, sent, round(sent / took, 1), round(idle, 4), round(cpu / took, 4),
        round((cpu - idle * took) / sent * 1e6, 1), round(cuts[49], 2), round(cuts[98], 2), round(max(delays), 2),
        sent - len(delays), report["out_of_order"],
    )  # fmt: skip


async def _share(pid: int, seconds: float) -> float:
    before, began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def _announce(port: int, tenants: int, rate: int, seconds: float) -> int:
    step = max(1, round(rate * STEP_SECONDS))
    due, number, total = time.monotonic(), 0, round(rate * seconds)
    with RedisWire(port) as redis:
        while number < total:
            redis.ask(
                [_announcement(each % tenants, 1 + each // tenants) for each in range(number, number + step)]
            )
            number += step
            due += STEP_SECONDS
            time.sleep(max(0.0, due - time.monotonic()))
    return number


def _announcement(tenant: int, seq: int) -> bytes:
    name, offset, now = f"shop-{tenant}", Offset(1, seq), time.time_ns()
    data = json.dumps({"at": str(now), "pad": "x" * 180}, separators=(",", ":")).encode()
    payload = encode_event(name, offset, "order_updated", now // 1_000_000, data)
    return announcement(name, Event(offset, "order_updated", now // 1_000_000, payload))


def _gateway(database_url: str, redis_url: str) -> Pod:
    env = {
        **os.environ,
        "BELLWIRE_DATABASE_URL": database_url,
        "BELLWIRE_REDIS_URL": redis_url,
        "BELLWIRE_LOG_FORMAT": "text",
        # A busy machine must not look like a Redis that is away: a subscription begun anew has a gap before it.
        "BELLWIRE_REDIS_TIMEOUT_SECONDS": "5",
    }
    return Pod("gateway", "gateway", [sys.executable, "-m", "bellwire", "gateway"], free_port(), env=env)


async def _register(url: str, tenants: int) -> list[str]:
    keys = [make_key(KeyKind.TERMINAL, secrets.token_bytes(32)) for _ in range(tenants)]
    slugs = [f"shop-{number}" for number in range(tenants)]
    terminals = [uuid.uuid4() for _ in keys]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO tenants (tenant, name) SELECT s, s FROM unnest($1::text[]) AS s", slugs
        )
        await connection.execute("INSERT INTO tenant_streams (tenant) SELECT unnest($1::text[])", slugs)
        await connection.execute(
            "INSERT INTO terminals (tenant, terminal_id, name)"
            " SELECT s, t, 'till' FROM unnest($1::text[], $2::uuid[]) AS x (s, t)",
            slugs, terminals,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO api_keys (key_hash, kind, tenant, terminal_id)"
            " SELECT h, 'term', s, t FROM unnest($1::bytea[], $2::text[], $3::uuid[]) AS x (h, s, t)",
            [hash_key(key) for key in keys], slugs, terminals,
        )  # fmt: skip
    finally:
        await connection.close()
    return keys


def table(runs: Sequence[Carried]) -> str:
    """The runs, as lines."""
    lines = ["", f"one gateway, {runs[0].tenants} tenants with a till each, head check on", ""]
    lines.append(
        f"{'events/s':>10} {'of a core':>10} {'idle':>7} {'µs/event':>9} {'p50 ms':>8} {'p99 ms':>8} {'worst':>8}"
        f" {'lost':>6} {'out of order':>13}"
    )
    lines += [
        f"{run.per_second:>10.0f} {run.busy_share:>10.1%} {run.idle_share:>7.1%} {run.cpu_us:>9.1f} {run.p50_ms:>8.2f}"
        f" {run.p99_ms:>8.2f} {run.worst_ms:>8.2f} {run.lost:>6} {run.out_of_order:>13}"
        for run in runs
    ]
    return "\n".join(lines) + "\n"
