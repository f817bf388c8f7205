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
from benchmarks.growth.fit import FLAT_RISE, Fit, fit
from benchmarks.growth.world import World, fill
from infra.local.postgres import Postgres

CALLS_EACH = 200
BLOCKS = 5
WARM = 8
COUNTED = 20
FEW_PAGES = 5
TEMPLATE = "migrated"


@dataclass(frozen=True, slots=True)
class Axis:
    """A thing that grows, and the worlds that differ in it, by their size."""

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
        {number: World(connections=number, events=100_000) for number in (50, 500, 5_000)},
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


_PAGES = "SELECT blks_hit + blks_read AS pages FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True, slots=True)
class Curve:
    """A call along an axis: for each size the medians of its blocks of calls, in milliseconds, and how many pages of
    the database a call looked at, which is the same on any machine.
    """

    axis: str
    call: str
    points: dict[int, list[float]]
    pages: dict[int, float]

    @property
    def as_many_pages(self) -> bool:
        """Whether the largest looks at hardly more pages than the smallest."""
        smallest, largest = self.pages[min(self.pages)], self.pages[max(self.pages)]
        return largest - smallest <= FEW_PAGES or largest < smallest * (1 + FLAT_RISE)

    @property
    def verdict(self) -> str:
        """Flat, flat in its pages alone (the rest is the machine's: its caches, its other work), or not."""
        if self.fit().flat:
            return "flat"
        return "flat in pages" if self.as_many_pages else "**grows**"

    def median(self, size: int) -> float:
        """The cost of a call at that size."""
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
        curves = []
        for call in CALLS:
            points = await _time(call, worlds, calls)
            pages = {size: await _pages(call, world) for size, world in worlds.items()}
            curves.append(Curve(axis.name, call, points, pages))
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


async def _pages(name: str, at: Open) -> float:
    """How many pages a call looks at; those of its preparation are among them."""

    async def counted(calls: int) -> int:
        before = await _looked_at(at)
        for _ in range(calls):
            await CALLS[name](at)
        return await _looked_at(at) - before

    return max(0, await counted(COUNTED) - await counted(0)) / COUNTED


async def _looked_at(at: Open) -> int:
    await at.database.fetch("SELECT pg_stat_force_next_flush()")
    await at.database.fetch("SELECT pg_stat_clear_snapshot()")
    row = await at.database.fetch_row(_PAGES)
    assert row is not None
    pages: int = row["pages"]
    return pages


def table(curves: Sequence[Curve]) -> str:
    """A table of each axis: a row a call, in milliseconds."""
    parts = []
    for axis in AXES:
        of_axis = [curve for curve in curves if curve.axis == axis.name]
        if not of_axis:
            continue
        sizes = list(of_axis[0].points)
        lines = [f"By {axis.grows}:", ""]
        lines.append(f"| ms | {' | '.join(f'{size:,}' for size in sizes)} | exponent | rise | pages | |")
        lines.append(f"| --- |{' ---: |' * (len(sizes) + 3)} --- |")
        lines += [_row(curve, sizes) for curve in of_axis]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _row(curve: Curve, sizes: Sequence[int]) -> str:
    found = curve.fit()
    times = " | ".join(f"{curve.median(size):.2f}" for size in sizes)
    power = f"{found.exponent:+.3f} ± {found.error:.3f}"
    pages = f"{curve.pages[sizes[0]]:.0f} → {curve.pages[sizes[-1]]:.0f}"
    return f"| {curve.call} | {times} | {power} | {100 * found.rise:+.0f} % | {pages} | {curve.verdict} |"
