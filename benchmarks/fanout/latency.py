"""When the last of many sockets has an event, and what a quiet tenant beside them notices of it.

The times are from the hand-over to what feeds the server (Redis, a publisher's HTTP request, a line of stdin) until
the kernel has the frame ready for reading at the socket, so that a load client that is busy with ten thousand
other sockets is not counted for the server. The commit before the publish is not in it either.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.contestants import Contestants
from benchmarks.fanout.crowd import Crowd
from benchmarks.fanout.disturbance import Disturbance, Watch
from benchmarks.fanout.measure import CATCH_UP_SECONDS, SETTLE_SECONDS, broadcast_at
from benchmarks.fanout.servers import QUIET, Server

QUIET_SOCKETS = 5
QUIET_RATE = 5.0
# The crowd only reads: whoever publishes, and the quiet tenant's own client, go first on the load's core.
CROWD_NICENESS = 10


@dataclass(frozen=True, slots=True)
class Wait:
    """Of one server's turn, in milliseconds; `quiet_…_ms` are None where there are no rooms.

    `quiet_missing` of the quiet tenant's events had not come when everybody had been waited for; the times are of
    those that had, so they mean nothing where some are missing.
    """

    server: str
    sockets: int
    rate: float
    broadcasts: int
    complete: int
    last_p50_ms: float
    last_p99_ms: float
    last_max_ms: float
    quiet_alone_p50_ms: float | None
    quiet_alone_p99_ms: float | None
    quiet_beside_p50_ms: float | None
    quiet_beside_p99_ms: float | None
    quiet_missing: int
    disturbance: Disturbance


async def compare_waits(
    contestants: Contestants,
    program: Path,
    sockets: int,
    rate: float,
    seconds: float,
    rounds: int,
    say: Callable[[str], None] = print,
) -> list[Wait]:
    """Give every server its turn, `rounds` times over."""
    waits = []
    for number in range(rounds):
        for make in contestants.makers.values():
            server = make()
            wait = await measure_wait(server, program, sockets, rate, seconds)
            contestants.note_version(server)
            waits.append(wait)
            note = ", disturbed" if wait.disturbance.disturbed else ""
            say(f"turn {number + 1}: {wait.server}: last socket p99 {wait.last_p99_ms:.1f} ms{note}")
    return waits


async def measure_wait(server: Server, program: Path, sockets: int, rate: float, seconds: float) -> Wait:
    """The quiet tenant alone, then both; the crowd's sockets are there all the time."""
    crowds: list[Crowd] = []
    try:
        seats = await server.start(sockets)
        crowd = await Crowd.start(program, server.port, seats, niceness=CROWD_NICENESS, arrivals=True)
        crowds.append(crowd)
        await _open(server, crowd, sockets)
        quiet = None
        if server.rooms:
            seats = await server.quiet_seats(QUIET_SOCKETS)
            quiet = await Crowd.start(program, server.port, seats, arrivals=True)
            crowds.append(quiet)
            await _open(server, quiet, QUIET_SOCKETS)
        await asyncio.sleep(SETTLE_SECONDS)
        await broadcast_at(server, rate, 5)
        await crowd.events(5 * sockets, CATCH_UP_SECONDS)
        watch = Watch()
        alone = await _hear(server, quiet, seconds) if quiet is not None else []
        await crowd.ask("reset")
        count = round(rate * seconds)
        async with asyncio.TaskGroup() as both:
            loaded = both.create_task(broadcast_at(server, rate, count))
            beside = await _hear(server, quiet, seconds) if quiet is not None else []
        published = loaded.result()
        await crowd.events(count * sockets, CATCH_UP_SECONDS)
        last = await _delays(crowd, published)
        disturbance = watch.read()
    finally:
        for each in crowds:
            await each.stop()
        await server.stop()
    return Wait(
        server.name, sockets, rate, count, len(last), share(last, 0.5), share(last, 0.99), share(last, 1.0),
        share(alone, 0.5) if alone else None, share(alone, 0.99) if alone else None,
        share(beside, 0.5) if beside else None, share(beside, 0.99) if beside else None,
        2 * round(QUIET_RATE * seconds) - len(alone) - len(beside) if server.rooms else 0, disturbance,
    )  # fmt: skip


def share(values: list[float], part: float) -> float:
    """The value that `part` of them do not exceed; infinite when there are none."""
    if not values:
        return float("inf")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def _open(server: Server, crowd: Crowd, sockets: int) -> None:
    opened = await crowd.ask("open")
    assert opened["opened"] == sockets, f"{server.name}: {opened}"


async def _hear(server: Server, crowd: Crowd, seconds: float) -> list[float]:
    """A quiet tenant's events, for so long, each until the last of its few sockets has it; those that came."""
    await crowd.ask("reset")
    count = round(QUIET_RATE * seconds)
    published = await broadcast_at(server, QUIET_RATE, count, (QUIET,))
    await crowd.events(count * QUIET_SOCKETS, CATCH_UP_SECONDS)
    return await _delays(crowd, published)


async def _delays(crowd: Crowd, published: dict[int, int]) -> list[float]:
    """Milliseconds from the hand-over to the last arrival, of each event that all have."""
    return [
        arrived - (published[at] - at) / 1e6
        for at, _, arrived in await crowd.ask("delays")
        if at in published
    ]
