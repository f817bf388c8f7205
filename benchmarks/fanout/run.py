"""The runs of the fan-out benchmark, from nothing to the printed table, and nothing left behind."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.backends import Backends
from benchmarks.fanout.contestants import Contestants, gather
from benchmarks.fanout.crowd import build
from benchmarks.fanout.latency import compare_waits
from benchmarks.fanout.measure import compare, compare_together
from benchmarks.fanout.placement import Placement
from benchmarks.fanout.profile import sample
from benchmarks.fanout.servers import ONE_ROOM
from benchmarks.fanout.tables import fanout_table, latency_table, notes
from benchmarks.report import write_json, write_text
from infra.local.workdir import Workdir

# So many deliveries a second fill a third of a core by the limit, and none of the better ones is overrun.
DELIVERIES_PER_SECOND = 50_000
DELIVERIES = 400_000
BROADCASTS = 200
TOGETHER_BROADCASTS = 500
# To one shop after the other, as fast as an event by itself can be committed and announced without a queue.
SHOP_BROADCASTS = 2000
SHOP_RATE = 200.0


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that all runs need."""

    program: Path
    backends: Backends
    placement: Placement


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """The load client, built; the backends, stopped at the end; this process moved off the server's core."""
    placement = Placement.of_this_machine()
    placement.move_load()
    backends = Backends()
    with Workdir("fanout") as folder:
        try:
            yield Site(await build("loadclient", folder.path), backends, placement)
        finally:
            await backends.stop()


def pace(sockets: int) -> float:
    """Broadcasts a second that leave the slower ones room."""
    return min(50.0, DELIVERIES_PER_SECOND / sockets)


async def cost(
    sockets: int, broadcasts: int | None, rate: float | None, rounds: int, only: Sequence[str], rooms: int = 1
) -> None:
    """CPU, memory and connects of everybody, in turns; with several rooms, of those who know some."""
    each = sockets // rooms
    broadcasts = broadcasts or min(BROADCASTS if rooms == 1 else SHOP_BROADCASTS, max(1, DELIVERIES // each))
    rate = rate or (pace(sockets) if rooms == 1 else SHOP_RATE)
    names = ONE_ROOM if rooms == 1 else [f"shop{number}" for number in range(rooms)]
    async with site() as here:
        contestants = await _contestants(here, only)
        if rooms > 1:
            contestants = contestants.with_rooms()
        runs = await compare(contestants, here.program, each * rooms, broadcasts, rate, rounds, names)
    name = f"fanout-{sockets}" if rooms == 1 else f"fanout-{sockets}-in-{rooms}"
    print_and_keep(name, fanout_table(runs), notes(runs, contestants, here.placement.describe()))
    print(f"written to {write_json(name, runs)}")


async def together(
    sockets: int,
    broadcasts: int | None,
    rate: float | None,
    rounds: int,
    only: Sequence[str],
    beside: Path | None = None,
) -> None:
    """CPU of a few, all at once: for ratios that a machine's moods leave alone."""
    broadcasts = broadcasts or min(TOGETHER_BROADCASTS, max(1, 2 * DELIVERIES // sockets))
    async with site() as here:
        contestants = await _contestants(here, only, beside)
        count = len(contestants.makers)
        rate = rate or pace(sockets * count)
        runs = await compare_together(contestants, here.program, sockets, broadcasts, rate, rounds)
    name = f"together-{sockets}"
    placement = f"{here.placement.describe()}; {count} at once"
    print_and_keep(name, fanout_table(runs), notes(runs, contestants, placement))
    print(f"written to {write_json(name, runs)}")


async def latency(sockets: int, rate: float, seconds: float, rounds: int, only: Sequence[str]) -> None:
    """The last socket's wait and the quiet tenant's."""
    async with site() as here:
        contestants = await _contestants(here, only)
        runs = await compare_waits(contestants, here.program, sockets, rate, seconds, rounds)
    table = latency_table(runs)
    print_and_keep(f"latency-{sockets}", table, notes(runs, contestants, here.placement.describe()))
    print(f"written to {write_json(f'latency-{sockets}', runs)}")


async def profile(sockets: int, rate: float | None, seconds: float) -> None:
    """Where the gateway's time goes."""
    async with site() as here:
        table = await sample(
            here.program, here.backends, here.placement, sockets, rate or pace(sockets), seconds
        )
    print_and_keep(f"profile-{sockets}", table)


async def _contestants(here: Site, only: Sequence[str], beside: Path | None = None) -> Contestants:
    return await gather(here.program.parent, here.backends, here.placement, only, beside=beside)


def print_and_keep(name: str, *parts: str) -> None:
    """A table is for a page too."""
    text = "\n\n".join(parts) + "\n"
    print(f"\n{text}")
    write_text(name, text)
