"""`python -m benchmarks.storm`: ten thousand terminals cut at once, and back with what they missed.

Two gateways without a balancer, real PostgreSQL and Valkey, a client in C that checks every offset of every socket, and
an undisturbed shop beside it whose delays are counted meanwhile. `network` cuts the sockets and leaves the gateways
alone, so that what was missed is in their memory; `gateways` kills both, so that they come back knowing nothing.
"""

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg

from api.db.migrate import migrate
from backbone.eventlog.stream import Stream
from backbone.runtime.settings import PodSettings
from benchmarks.fanout.cpu import cpu_seconds
from benchmarks.fanout.crowd import Crowd, build
from benchmarks.fanout.disturbance import Disturbance, Watch
from benchmarks.fanout.shops import commit_each, register
from benchmarks.report import write_json
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey

KINDS = ("network", "gateways")
STORM_SECONDS = 120
QUIET = "quiet"
QUIET_TERMINALS = 5
QUIET_RATE = 20.0
CALM_SECONDS = 5.0
COUNTED = {
    "statements": r"bellwire_postgres_statements_total (\S+)",
    "key_lookups": r"bellwire_key_lookups_total (\S+)",
    "key_statements": r"bellwire_key_statements_total (\S+)",
    "pages": r"bellwire_gateway_history_pages_total\{[^}]*\} (\S+)",
}


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm. `pages` are range reads, of Redis or PostgreSQL; delays of the quiet shop in milliseconds."""

    kind: str
    terminals: int
    tenants: int
    missed: int
    caught_up: int
    seconds: float
    p50_seconds: float
    p99_seconds: float
    lost: int
    repeated: int
    resets: int
    refused: int
    failed: int
    transactions: int
    counted: dict[str, float]
    calm_p99_ms: float
    storm_p99_ms: float
    gateways_cpu_seconds: float
    disturbance: Disturbance


class Site:
    """Servers, gateways, and shops with their terminals."""

    def __init__(self, tenants: int, terminals: int) -> None:
        self.tenants = [f"shop-{number}" for number in range(tenants)]
        self.terminals = terminals
        self.postgres = Postgres()
        self.valkey = Valkey()
        self.pods: list[Pod] = []
        self.connection: Any = None
        self.stream: Any = None
        self.seq = 0

    async def start(self) -> None:
        """Start everything but the gateways."""
        await asyncio.gather(asyncio.to_thread(self.postgres.start), asyncio.to_thread(self.valkey.start))
        await migrate(self.postgres.url)
        self.connection = await asyncpg.connect(self.postgres.url)
        self.stream = Stream(PodSettings(database_url=self.postgres.url, redis_url=self.valkey.url))  # type: ignore[arg-type, call-arg]

    async def start_gateways(self, count: int = 2, *words: str) -> None:
        """Start the gateways; they keep their ports when they are killed."""
        env = {
            **os.environ,
            "BELLWIRE_DATABASE_URL": self.postgres.url,
            "BELLWIRE_REDIS_URL": self.valkey.url,
            "BELLWIRE_LOG_FORMAT": "text",
        }
        command = [sys.executable, "-m", "bellwire", "gateway", *words]
        self.pods = [
            Pod("gateway", f"storm-{number}", command, free_port(), env=env) for number in range(count)
        ]
        for pod in self.pods:
            pod.start()
        for pod in self.pods:
            await asyncio.to_thread(pod.await_ready)

    async def seats(self) -> list[str]:
        """Register every terminal; those of one shop are spread over all gateways."""
        share = self.terminals // len(self.tenants)
        lines = []
        for tenant in self.tenants:
            keys = await register(self.connection, tenant, share)
            lines += [
                f"{self.pods[number % len(self.pods)].port}\t/ws/pos/{tenant}\tAuthorization: Bearer {key}"
                for number, key in enumerate(keys)
            ]
        return lines

    async def miss(self, count: int) -> None:
        """Commit and publish so many events for every shop."""
        for _ in range(count):
            await self.stream.publish(await commit_each(self.connection, self.tenants, time.time_ns()))
        self.seq += count

    async def kill_gateways(self) -> None:
        """`kill -9` for all of them; they come back by themselves."""
        before = [pod.restarts for pod in self.pods]
        for pod in self.pods:
            pod.kill()
        for pod, restarts in zip(self.pods, before, strict=True):
            while pod.restarts == restarts or not await asyncio.to_thread(pod.is_ready):
                await asyncio.sleep(0.05)

    def counted(self) -> dict[str, float]:
        """The gateways' counts, summed."""
        pages = []
        for pod in self.pods:
            with urllib.request.urlopen(f"{pod.url}/metrics", timeout=30) as answer:
                pages.append(answer.read().decode())
        return {
            name: sum(float(value) for page in pages for value in re.findall(f"^{pattern}$", page, re.M))
            for name, pattern in COUNTED.items()
        }

    async def transactions(self) -> int:
        """How many PostgreSQL has committed; each statement of ours is one."""
        await asyncio.sleep(1.1)  # sessions tell their counts each second
        found = await self.connection.fetchval(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        )
        return int(found)

    def cpu(self) -> float:
        """Seconds that the gateways have used."""
        return sum(cpu_seconds(pod.pid) for pod in self.pods)

    async def stop(self) -> None:
        """End everything."""
        for pod in self.pods:
            await asyncio.to_thread(pod.stop, 0.1)
        with contextlib.suppress(Exception):
            await self.stream.close()
            await self.connection.close()
        await asyncio.to_thread(self.valkey.stop)
        await asyncio.to_thread(self.postgres.stop)


@contextlib.asynccontextmanager
async def quiet_shop(site: Site, program: Path) -> AsyncIterator[Crowd]:
    """A shop that nothing happens to but an event twenty times a second."""
    keys = await register(site.connection, QUIET, QUIET_TERMINALS)
    crowd = await Crowd.start(
        program, site.pods[0].port, [f"/ws/pos/{QUIET}\tAuthorization: Bearer {key}\t" for key in keys]
    )
    await crowd.ask("open")
    connection = await asyncpg.connect(site.postgres.url)

    async def talk() -> None:
        while True:
            await site.stream.publish(await commit_each(connection, [QUIET], time.time_ns()))
            await asyncio.sleep(1 / QUIET_RATE)

    talking = asyncio.create_task(talk())
    try:
        yield crowd
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        await connection.close()
        await crowd.stop()


async def measure(kind: str, terminals: int, tenants: int, missed: int) -> Storm:
    """Bring everybody in, cut, miss, and let all come back."""
    with tempfile.TemporaryDirectory() as folder:
        stormers, watcher = await build("stormclient", Path(folder)), await build("loadclient", Path(folder))
        site = Site(tenants, terminals)
        try:
            await site.start()
            await site.start_gateways()
            return await _storm(site, stormers, watcher, kind, missed)
        finally:
            await site.stop()


async def _storm(site: Site, stormers: Path, watcher: Path, kind: str, missed: int) -> Storm:
    with tempfile.NamedTemporaryFile("w", suffix=".terminals", delete=False) as file:
        file.write("".join(f"{line}\n" for line in await site.seats()))
        file.flush()
        crowd = Crowd(
            await asyncio.create_subprocess_exec(
                stormers, file.name, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            ),
            Path(file.name),
        )
        opened = await crowd.ask("open")
        assert opened["open"] == site.terminals, opened
        await site.miss(1)
        await asyncio.sleep(3)
        try:
            await crowd.ask("cut")
            await asyncio.sleep(2)
            if kind == "gateways":
                await site.kill_gateways()
            async with quiet_shop(site, watcher) as quiet:
                await site.miss(missed)
                await quiet.ask("reset")
                await asyncio.sleep(CALM_SECONDS)
                calm = await quiet.ask("report")
                await quiet.ask("reset")
                began = await site.transactions()
                before, cpu, watch = await asyncio.to_thread(site.counted), site.cpu(), Watch()
                back = await crowd.ask(f"storm {site.seq} {STORM_SECONDS}")
                loud, disturbance = await quiet.ask("report"), watch.read()
                after, used = await asyncio.to_thread(site.counted), site.cpu() - cpu
                transactions = await site.transactions() - began
        finally:
            await crowd.stop()
    return Storm(
        kind, site.terminals, len(site.tenants), missed, back["caught_up"], back["seconds"], back["p50_s"],
        back["p99_s"], back["lost"], back["repeated"], back["resets"], back["refused"], back["failed"],
        transactions, {name: after[name] - before[name] for name in COUNTED}, calm["last_p99_ms"],
        loud["last_p99_ms"], used, disturbance,
    )  # fmt: skip


def weather(
    terminals: int, tenants: int, missed: int, rounds: int, kinds: Sequence[str] = KINDS
) -> list[Storm]:
    """Storms of each kind in turns, so that what disturbs disturbs all."""
    return [asyncio.run(measure(kind, terminals, tenants, missed)) for _ in range(rounds) for kind in kinds]


def table(storms: list[Storm]) -> str:
    """A column a kind: the median of its storms, and the least and the most where there are several."""
    kinds = dict.fromkeys(storm.kind for storm in storms)
    columns = [[_figures(storm) for storm in storms if storm.kind == kind] for kind in kinds]
    lines = ["", "storms of reconnects, medians (least to most)", ""]
    lines += [f"{'':<22}" + "".join(f"{kind:>36}" for kind in kinds)]
    for name in columns[0][0]:
        cells = [_cell([figures[name] for figures in column]) for column in columns]
        lines.append(f"{name:<22}" + "".join(f"{cell:>36}" for cell in cells))
    return "\n".join(lines) + "\n"


def _figures(storm: Storm) -> dict[str, float]:
    figures = asdict(storm) | storm.counted | {"disturbed": storm.disturbance.disturbed}
    return {name: value for name, value in figures.items() if isinstance(value, int | float)}


def _cell(values: list[float]) -> str:
    middle = f"{statistics.median(values):,.6g}"
    return middle if min(values) == max(values) else f"{middle} ({min(values):,.6g} to {max(values):,.6g})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--terminals", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=100)
    parser.add_argument("--missed", type=int, default=50, help="events missed by each terminal (50)")
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--rounds", type=int, default=1, help="storms of each kind, in turns (1)")
    arguments = parser.parse_args()
    storms = weather(
        arguments.terminals, arguments.tenants, arguments.missed, arguments.rounds, arguments.kind or KINDS
    )
    print(table(storms))
    print(f"written to {write_json('storm', storms)}")


if __name__ == "__main__":
    main()
