"""Socket.IO with its Redis Streams adapter: WebSocket transport alone, a room for each tenant.

It is fed as its users feed it: another process of theirs (`socketio_emitter.js`), with the same adapter, says
`io.to(room).emit(…)`, which goes through Redis. That process is load; the one that holds the sockets is measured.
"""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.fanout.backends import Backends
from benchmarks.fanout.events import envelope
from benchmarks.fanout.placement import NOWHERE, Placement
from benchmarks.fanout.servers import (
    CROWDED,
    HERE,
    ONE_ROOM,
    QUIET,
    Server,
    await_ready,
    end,
    say_line,
    spread,
)
from infra.local.ports import free_port

# Engine.IO's fourth protocol, and the packet that enters the main namespace; the server answers it with its like.
SEAT = "/socket.io/?EIO=4&transport=websocket&room={room}\t\t40\t40{{"


class SocketIO(Server):
    """The server, and the emitter beside it."""

    name = "Socket.IO, Redis Streams"
    rooms = True

    def __init__(self, backends: Backends, placement: Placement = NOWHERE) -> None:
        self.port = free_port()
        self._backends = backends
        self._placement = placement
        self._server: asyncio.subprocess.Process | None = None
        self._emitter: asyncio.subprocess.Process | None = None

    async def start(self, sockets: int, rooms: Sequence[str] = ONE_ROOM) -> list[str]:
        await self._backends.start()
        url = self._backends.valkey.url
        self._server = await asyncio.create_subprocess_exec(
            *self._placement.server("node", HERE / "rivals" / "socketio.js", str(self.port), url),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await await_ready(self.name, self._server)
        self._emitter = await asyncio.create_subprocess_exec(
            "node", HERE / "rivals" / "socketio_emitter.js", url,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await await_ready(self.name, self._emitter)
        return spread(sockets, rooms, lambda room: SEAT.format(room=room))

    async def quiet_seats(self, sockets: int) -> list[str]:
        return [SEAT.format(room=QUIET)] * sockets

    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        assert self._emitter is not None
        published = time.time_ns()
        await say_line(self._emitter, f"{room}\t{envelope(room, at_ns)}")
        return published

    async def stop(self) -> None:
        await end(self._emitter)
        await end(self._server)

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    @property
    def redis_pid(self) -> int | None:
        return self._backends.valkey.pid
