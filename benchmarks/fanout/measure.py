"""Server CPU per delivery, and when the last socket has an event: each server in turn, several times over."""

import asyncio
import contextlib
import random
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
# The time that a server may take for events that it was given too fast.
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


class Stand:
    """A server and its crowd, for one turn."""

    def __init__(self, server: Server, sockets: int, rate: float, rooms: Sequence[str] = ONE_ROOM) -> None:
        self.server = server
        self._sockets = sockets
        self._rate = rate
        self._rooms = rooms
        self._each = sockets // len(rooms)
        self._crowd: Crowd | None = None
        self._opened_seconds = self._idle = self._kernel = 0.0
        self._began = self._redis_began = 0.0

    async def open(self, program: Path) -> None:
        """Start the server, bring everybody in, and broadcast a little: what only that pays is not what one costs."""
        seats = await self.server.start(self._sockets, self._rooms)
        crowd = self._crowd = await Crowd.start(program, self.server.port, seats)
        pids = self.server.pids
        rss, slab = rss_bytes_of(pids), slab_bytes()
        opened = await crowd.ask("open")
        assert opened["opened"] == self._sockets, f"{self.server.name}: {opened}"
        await asyncio.sleep(SETTLE_SECONDS)
        self._opened_seconds = max(0.001, opened["seconds"])
        self._idle = (rss_bytes_of(pids) - rss) / self._sockets
        self._kernel = (slab_bytes() - slab) / self._sockets
        await crowd.ask(f"expect {self._each}")
        await broadcast_at(self.server, self._rate, WARM_BROADCASTS, self._rooms)
        await crowd.events(WARM_BROADCASTS * self._each, CATCH_UP_SECONDS)

    async def begin(self) -> None:
        """Count from here on."""
        await self._here.ask("reset")
        self._began, self._redis_began = cpu_seconds_of(self.server.pids), _redis_seconds(self.server)

    async def end(self, broadcasts: int, watch: Watch) -> Phase:
        """Wait until all have what was broadcast, and tell what that cost."""
        report = await self._here.events(broadcasts * self._each, CATCH_UP_SECONDS)
        used = cpu_seconds_of(self.server.pids) - self._began
        redis_used = _redis_seconds(self.server) - self._redis_began
        return Phase(
            self.server.name, self._sockets, len(self._rooms), self._rate, broadcasts, report["complete"],
            used * 1e6 / max(1, report["events"]), report["last_p50_ms"], report["last_p99_ms"],
            self._idle, self._kernel, self._sockets / self._opened_seconds,
            redis_used * 1e6 / broadcasts if self.server.redis_pid else None, watch.read(),
        )  # fmt: skip

    async def close(self) -> None:
        """End both, however far they came."""
        if self._crowd is not None:
            await self._crowd.stop()
        await self.server.stop()

    @property
    def _here(self) -> Crowd:
        assert self._crowd is not None
        return self._crowd


async def measure(
    server: Server, program: Path, sockets: int, broadcasts: int, rate: float, rooms: Sequence[str] = ONE_ROOM
) -> Phase:
    """Open the crowd, broadcast at `rate` a second to one room after the other, and read what the server used."""
    stand = Stand(server, sockets, rate, rooms)
    try:
        await stand.open(program)
        watch = Watch()
        await stand.begin()
        await broadcast_at(server, rate, broadcasts, rooms)
        return await stand.end(broadcasts, watch)
    finally:
        await stand.close()


async def measure_together(
    servers: Sequence[Server], program: Path, sockets: int, broadcasts: int, rate: float
) -> list[Phase]:
    """All of them at once, each with a crowd of its own: one broadcasts, then the next, each `rate` times a second.

    So whatever the machine does to one, it does to the others in the same hundredth of a second. Order and pauses are
    by chance: in step, what one's clients put off for 40 ms, their acknowledgements, would always fall into another's
    time.
    """
    stands = [Stand(server, sockets, rate) for server in servers]
    async with contextlib.AsyncExitStack() as closing:
        for stand in stands:
            closing.push_async_callback(stand.close)
            await stand.open(program)
        watch = Watch()
        for stand in stands:
            await stand.begin()
        due, step, chance = time.monotonic(), 1 / rate / len(stands), random.Random(broadcasts)
        for _ in range(broadcasts):
            for stand in chance.sample(stands, len(stands)):
                due += step * chance.uniform(0.5, 1.5)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await stand.server.broadcast(time.time_ns())
        return [await stand.end(broadcasts, watch) for stand in stands]


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
            _tell(say, number, phase)
    return phases


async def compare_together(
    contestants: Contestants,
    program: Path,
    sockets: int,
    broadcasts: int,
    rate: float,
    rounds: int,
    say: Callable[[str], None] = print,
) -> list[Phase]:
    """Measure all of them at once, `rounds` times over."""
    phases = []
    for number in range(rounds):
        servers = [make() for make in contestants.makers.values()]
        for phase in await measure_together(servers, program, sockets, broadcasts, rate):
            phases.append(phase)
            _tell(say, number, phase)
        for server in servers:
            contestants.note_version(server)
    return phases


def _tell(say: Callable[[str], None], number: int, phase: Phase) -> None:
    note = (", disturbed" if phase.disturbance.disturbed else "") + (", overrun" if phase.overrun else "")
    say(f"turn {number + 1}: {phase.server}: {phase.us_per_delivery:.2f} µs a delivery{note}")


def _redis_seconds(server: Server) -> float:
    return cpu_seconds(server.redis_pid) if server.redis_pid else 0.0
