"""The servers under measurement, behind one small interface; and those that get each event as a line on stdin.

The others have a file each: `gateway.py`, `centrifugo.py`, `nchan.py`, `socketio.py`.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.fanout.cpu import family
from benchmarks.fanout.events import envelope
from benchmarks.fanout.placement import NOWHERE, Placement
from infra.local.ports import free_port

HERE = Path(__file__).parent
CROWDED = "crowded"
QUIET = "quiet"
ONE_ROOM = (CROWDED,)
READY_SECONDS = 60


class Server(ABC):
    """Something that sends events to sockets."""

    name: str
    port: int
    # Whether an event goes to the sockets of one room, and others are spared.
    rooms = False
    # Known once it was started, of those that are not one of our own packages.
    version: str | None = None

    @abstractmethod
    async def start(self, sockets: int, rooms: Sequence[str] = ONE_ROOM) -> list[str]:
        """Start it and return a seat for each socket of the crowd, which is spread evenly over `rooms`."""

    async def quiet_seats(self, sockets: int) -> list[str]:
        """Seats in the room `QUIET`, once it runs; only where there are rooms."""
        raise NotImplementedError(f"{self.name} knows no rooms")

    @abstractmethod
    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        """Send one event of about 350 bytes that carries `at_ns`.

        Returns the time, in nanoseconds of CLOCK_REALTIME, at which it was handed to what feeds the server.
        """

    @abstractmethod
    async def stop(self) -> None:
        """End it, however far it came."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process that was started."""

    @property
    def pids(self) -> list[int]:
        """All processes whose time and memory count."""
        return family(self.pid)

    @property
    def redis_pid(self) -> int | None:
        """The Redis that feeds it, whose time is told apart."""
        return None


class Piped(Server):
    """A server that broadcasts what comes on stdin, and ends with it."""

    def __init__(self, name: str, *command: str | Path, placement: Placement = NOWHERE) -> None:
        self.name = name
        self.port = free_port()
        self._command = placement.server(*command)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, sockets: int, rooms: Sequence[str] = ONE_ROOM) -> list[str]:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, str(self.port), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        await await_ready(self.name, self._process)
        return [f"/{number}\t\t" for number in range(sockets)]

    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        published = time.time_ns()
        await self.say(envelope(room, at_ns))
        return published

    async def say(self, line: str) -> None:
        """Send any line to all sockets."""
        assert self._process is not None
        await say_line(self._process, line)

    async def stop(self) -> None:
        await end(self._process)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


def spread(sockets: int, rooms: Sequence[str], seat: Callable[[str], str]) -> list[str]:
    """A seat for each socket, in each room as many."""
    return [seat(rooms[number % len(rooms)]) for number in range(sockets)]


async def await_ready(name: str, process: asyncio.subprocess.Process) -> None:
    """Wait for the line "ready"."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
    assert line == b"ready\n", f"{name} did not start"


async def say_line(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    await process.stdin.drain()


async def end(process: asyncio.subprocess.Process | None) -> None:
    """Kill it, unless it never was or is no more."""
    if process is not None and process.returncode is None:
        process.kill()
        await process.wait()
