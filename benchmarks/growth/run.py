"""Fill databases of several sizes, and time each call in all of them by turns.

One server of our own. The databases of an axis are there at once, so that a call's sizes are measured in one go, in a
random order in each round; a slow moment of the machine is then a slow moment of all of them.
"""

import asyncio
import random
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from api.db.migrate import migrate
from backbone.eventlog.head_check import read_clock
from backbone.eventlog.postgres import open_database
from backbone.runtime.settings import PodSettings, load_settings
from benchmarks.growth.calls import CALLS, Open
from benchmarks.growth.fit import Fit, fit
from benchmarks.growth.world import World, fill
from infra.local.postgres import Postgres

CALLS_EACH = 200
BLOCKS = 5
WARM = 8
TEMPLATE = "migrated"


@dataclass(frozen=True, slots=True)
class Axis:
    """What grows, and the worlds that differ in it, by their size."""

    name: str
    grows: str
    worlds: dict[int, World]


AXES = (
    Axis(
        "history",
        "events in the log (a tenth as many orders; 20 shops of five terminals)",
        {events: World(events=events) for events in (10_000, 100_000, 1_000_000, 10_000_000)},
    ),
    Axis(
        "tenants",
        "tenants (of each: five terminals, 300 events, 30 orders, 20 of them unseen)",
        {shops: World(shops=shops, events=300 * shops) for shops in (100, 1_000, 10_000)},
    ),
    Axis(
        "terminals",
        "terminals of a shop (20 shops)",
        {number: World(terminals=number) for number in (5, 50, 500)},
    ),
    Axis(
        "connections",
        "connections that each terminal had (20 shops of five terminals, 100,000 events)",
        {number: World(connections=number, events=100_000) for number in (10, 100, 1_000)},
    ),
    Axis(
        "backlog",
        "unseen orders of all shops, 50 of them due (5 shops, 500,000 events)",
        {
            5 * each: World(shops=5, events=500_000, unseen_a_shop=each)
            for each in (20, 200, 2_000)
        },
    ),
    Axis(
        "partitions",
        "days of the log, each a partition (100,000 events)",
        {days: World(events=100_000, days=days) for days in (15, 38, 98, 373)},
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Curve:
    """A call along an axis: for each size the medians of its blocks of calls, in milliseconds."""

    axis: str
    call: str
    points: dict[int, list[float]]

    def median(self, size: int) -> float:
        """What a call costs at that size."""
        return statistics.median(self.points[size])

    def fit(self) -> Fit:
        """Its fit, of all blocks."""
        sizes = [size for size, blocks in self.points.items() for _ in blocks]
        times = [block for blocks in self.points.values() for block in blocks]
        return fit(sizes, times, self.median(min(self.points)), self.median(max(self.points)))


async def measure(axes: Sequence[Axis], calls: int) -> list[Curve]:
    """Measure along these axes, with so many calls of each kind at each size."""
    server = Postgres()
    await asyncio.to_thread(server.start)
    try:
        # Nothing but the calls is to be at work while they are timed.
        server.reconfigure("autovacuum", "off")
        server.reconfigure("max_wal_size", "8GB")
        server.reconfigure("checkpoint_timeout", "1h")
        admin = await asyncpg.connect(_named(server.url, "postgres"), command_timeout=3600)
        try:
            await admin.execute(f"CREATE DATABASE {TEMPLATE}")
            await migrate(_named(server.url, TEMPLATE))
            found: list[Curve] = []
            for axis in axes:
                found += await _along(axis, server.url, admin, calls)
                print(table(found[-len(CALLS) :]), flush=True)
            return found
        finally:
            await admin.close()
    finally:
        await asyncio.to_thread(server.stop)


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _along(
    axis: Axis, url: str, admin: "asyncpg.Connection[asyncpg.Record]", calls: int
) -> list[Curve]:
    names = {size: f"{axis.name}_{size}" for size in axis.worlds}
    async with AsyncExitStack() as stack:
        worlds: dict[int, Open] = {}
        for size, world in axis.worlds.items():
            await admin.execute(f"CREATE DATABASE {names[size]} TEMPLATE {TEMPLATE}")
            print(f"{axis.name}: filling {size:,}", flush=True)
            connection = await asyncpg.connect(_named(url, names[size]), command_timeout=3600)
            try:
                await fill(connection, world)
            finally:
                await connection.close()
            settings = load_settings(
                PodSettings, database_url=_named(url, names[size]), redis_url="redis://127.0.0.1"
            )
            database = await open_database(settings, size=1, application="benchmark")
            stack.push_async_callback(database.close)
            worlds[size] = Open(world, database, await read_clock(database))
        await admin.execute("CHECKPOINT")
        curves = [Curve(axis.name, call, await _time(call, worlds, calls)) for call in CALLS]
    for name in names.values():
        await admin.execute(f"DROP DATABASE {name}")
    return curves


async def _time(name: str, worlds: dict[int, Open], calls: int) -> dict[int, list[float]]:
    call, sizes = CALLS[name], list(worlds)
    for size in sizes:
        # The connection prepares what it needs, and the server settles on a plan.
        for _ in range(WARM):
            await call(worlds[size])
    points: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(BLOCKS):
        took: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(max(1, calls // BLOCKS)):
            random.shuffle(sizes)
            for size in sizes:
                took[size].append(1000 * await call(worlds[size]))
        for size, some in took.items():
            points[size].append(statistics.median(some))
    return points


def table(curves: Sequence[Curve]) -> str:
    """A table of each axis: a row a call, in milliseconds."""
    parts = []
    for axis in AXES:
        of_axis = [curve for curve in curves if curve.axis == axis.name]
        if not of_axis:
            continue
        sizes = list(of_axis[0].points)
        lines = [f"By {axis.grows}:", ""]
        lines.append(f"| ms | {' | '.join(f'{size:,}' for size in sizes)} | exponent | rise | |")
        lines.append(f"| --- |{' ---: |' * (len(sizes) + 2)} --- |")
        lines += [_row(curve, sizes) for curve in of_axis]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _row(curve: Curve, sizes: Sequence[int]) -> str:
    found = curve.fit()
    times = " | ".join(f"{curve.median(size):.2f}" for size in sizes)
    said = "flat" if found.flat else "**grows**"
    power = f"{found.exponent:+.3f} ± {found.error:.3f}"
    return f"| {curve.call} | {times} | {power} | {100 * found.rise:+.0f} % | {said} |"
