"""Server CPU per delivery, and when the last socket has an event: each server in turn, several times over."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.contestants import Contestants
from benchmarks.fanout.cpu import cpu_seconds, cpu_seconds_of, rss_bytes_of, slab_bytes
from benchmarks.fanout.crowd import Crowd
from benchmarks.fanout.disturbance import Disturbance, Watch
from benchmarks.fanout.servers import ONE_ROOM, Server

SETTLE_SECONDS = 1.0
WARM_BROADCASTS = 5
# What a server may take for what it was given too fast.
CATCH_UP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Phase:
    """One server's turn. `complete` of `broadcasts` reached every socket of their room before the turn ended.

    `kernel_bytes_per_socket` is both ends of a connection, since both are on this machine.
    """

    server: str
    sockets: int
    rooms: int
    rate: float
    broadcasts: int
    complete: int
    us_per_delivery: float
    last_p50_ms: float
    last_p99_ms: float
    idle_bytes_per_socket: float
    kernel_bytes_per_socket: float
    connects_per_second: float
    redis_us_per_event: float | None
    disturbance: Disturbance

    @property
    def overrun(self) -> bool:
        """Whether most events were still on their way when the next one came.

        Who then sends several in one write is cheaper by it, so such a turn does not tell what one event costs.
        """
        return self.last_p50_ms > 1000 / self.rate


async def measure(
    server: Server, program: Path, sockets: int, broadcasts: int, rate: float, rooms: Sequence[str] = ONE_ROOM
) -> Phase:
    """Open the crowd, broadcast at `rate` a second to one room after the other, and read what the server used."""
    crowd, each = None, sockets // len(rooms)
    try:
        seats = await server.start(sockets, rooms)
        crowd = await Crowd.start(program, server.port, seats)
        pids = server.pids
        rss, slab = rss_bytes_of(pids), slab_bytes()
        opened = await crowd.ask("open")
        assert opened["opened"] == sockets, f"{server.name}: {opened}"
        await asyncio.sleep(SETTLE_SECONDS)
        idle, kernel = (rss_bytes_of(pids) - rss) / sockets, (slab_bytes() - slab) / sockets
        await crowd.ask(f"expect {each}")
        # What only the first broadcasts pay is not what one costs.
        await broadcast_at(server, rate, WARM_BROADCASTS, rooms)
        await crowd.events(WARM_BROADCASTS * each, CATCH_UP_SECONDS)
        await crowd.ask("reset")
        watch = Watch()
        began, redis_began = cpu_seconds_of(pids), _redis_seconds(server)
        await broadcast_at(server, rate, broadcasts, rooms)
        report = await crowd.events(broadcasts * each, CATCH_UP_SECONDS)
        used, redis_used = cpu_seconds_of(pids) - began, _redis_seconds(server) - redis_began
        disturbance = watch.read()
    finally:
        if crowd is not None:
            await crowd.stop()
        await server.stop()
    return Phase(
        server.name, sockets, len(rooms), rate, broadcasts, report["complete"], used * 1e6 / max(1, report["events"]),
        report["last_p50_ms"], report["last_p99_ms"], idle, kernel, sockets / max(0.001, opened["seconds"]),
        redis_used * 1e6 / broadcasts if server.redis_pid else None, disturbance,
    )  # fmt: skip


async def broadcast_at(
    server: Server, rate: float, count: int, rooms: Sequence[str] = ONE_ROOM
) -> dict[int, int]:
    """Broadcast `count` events, `rate` a second; returns when each (by its `at`) was handed over."""
    published = {}
    began = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        at = time.time_ns()
        published[at] = await server.broadcast(at, rooms[number % len(rooms)])
    return published


async def compare(
    contestants: Contestants,
    program: Path,
    sockets: int,
    broadcasts: int,
    rate: float,
    rounds: int,
    rooms: Sequence[str] = ONE_ROOM,
    say: Callable[[str], None] = print,
) -> list[Phase]:
    """Give every server its turn, `rounds` times over, so that a disturbance does not hit one alone."""
    phases = []
    for number in range(rounds):
        for make in contestants.makers.values():
            server = make()
            phase = await measure(server, program, sockets, broadcasts, rate, rooms)
            contestants.note_version(server)
            phases.append(phase)
            note = (", disturbed" if phase.disturbance.disturbed else "") + (
                ", overrun" if phase.overrun else ""
            )
            say(f"turn {number + 1}: {phase.server}: {phase.us_per_delivery:.2f} µs a delivery{note}")
    return phases


def _redis_seconds(server: Server) -> float:
    return cpu_seconds(server.redis_pid) if server.redis_pid else 0.0
