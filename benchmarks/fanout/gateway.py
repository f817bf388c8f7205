"""Ours, the real one: log, cursors, metrics, heartbeats and head check on; each event is committed and published."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.stream import Stream
from backbone.runtime.settings import PodSettings
from benchmarks.fanout.backends import Backends
from benchmarks.fanout.events import event_data
from benchmarks.fanout.placement import NOWHERE, Placement
from benchmarks.fanout.servers import CROWDED, ONE_ROOM, QUIET, Server, spread
from benchmarks.fanout.shops import register
from infra.local.pods import Pod
from infra.local.ports import free_port

WELCOME = '"type":"hello"'
APPEND = """
WITH s AS (UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = $1 RETURNING epoch, seq)
SELECT e.* FROM s, append_event($1, s.epoch, s.seq, 'order_updated', $2) AS e
"""


class Gateway(Server):
    """A gateway pod with tenants of its own, in databases that several may share."""

    name = "bellwire gateway"
    rooms = True

    def __init__(
        self,
        backends: Backends | None = None,
        *,
        placement: Placement = NOWHERE,
        tree: Path | None = None,
        **settings: str,
    ) -> None:
        """`settings` are words of the environment; databases that are not given are its own and end with it.

        `tree` is another version's checkout, whose gateway runs beside ours, with its own `.venv`.
        """
        if tree is not None:
            self.name = f"{self.name} of {tree.name}"
        self._tree = tree
        self._shared = backends is not None
        self._backends = backends or Backends()
        self._placement = placement
        self._settings = settings
        # A turn must not meet the events of another one.
        self._mark = secrets.token_hex(4)
        # A connection for the crowd's rooms and one for the quiet tenant's, so that neither's commits wait for the
        # other's.
        self._connections: dict[bool, asyncpg.Connection] = {}
        self._stream: Stream | None = None
        self._pod: Pod | None = None

    async def start(self, sockets: int, rooms: Sequence[str] = ONE_ROOM) -> list[str]:
        await self._backends.start()
        database, redis = self._backends.postgres.url, self._backends.valkey.url
        seats = await self._seats(sockets, rooms)
        env = {
            **os.environ,
            "BELLWIRE_DATABASE_URL": database,
            "BELLWIRE_REDIS_URL": redis,
            "BELLWIRE_LOG_FORMAT": "text",
            **self._settings,
        }
        self._stream = Stream(PodSettings(database_url=database, redis_url=redis))  # type: ignore[arg-type, call-arg]
        self.port = free_port()
        python = sys.executable if self._tree is None else self._tree / ".venv/bin/python"
        command = [str(word) for word in self._placement.server(python, "-m", "bellwire", "gateway")]
        self._pod = Pod("gateway", "gateway", command, self.port, env=env, cwd=self._tree)
        self._pod.start()
        await asyncio.to_thread(self._pod.await_ready)
        return seats

    async def quiet_seats(self, sockets: int) -> list[str]:
        return await self._seats(sockets, (QUIET,))

    async def _seats(self, sockets: int, rooms: Sequence[str]) -> list[str]:
        connection = self._connections[QUIET in rooms] = await asyncpg.connect(self._backends.postgres.url)
        keys = {
            room: iter(await register(connection, self._tenant(room), -(-sockets // len(rooms))))
            for room in rooms
        }
        return spread(
            sockets,
            rooms,
            lambda room: (
                f"/ws/pos/{self._tenant(room)}\tAuthorization: Bearer {next(keys[room])}\t\t{WELCOME}"
            ),
        )

    def _tenant(self, room: str) -> str:
        return f"{room}-{self._mark}"

    async def commit(self, room: str, data: str) -> Event:
        """Commit an event of the room's tenant."""
        row = await self._connections[room == QUIET].fetchrow(APPEND, self._tenant(room), data)
        assert row is not None
        return Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])

    async def publish(self, room: str, event: Event) -> None:
        """Announce it."""
        assert self._stream is not None
        await self._stream.publish([(self._tenant(room), event)])

    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        event = await self.commit(room, event_data(at_ns))
        published = time.time_ns()
        await self.publish(room, event)
        return published

    async def stop(self) -> None:
        if self._pod is not None:
            await asyncio.to_thread(self._pod.stop, 0.1)
        if self._stream is not None:
            await self._stream.close()
        for connection in self._connections.values():
            await connection.close()
        if not self._shared:
            await self._backends.stop()

    @property
    def pid(self) -> int:
        assert self._pod is not None
        return self._pod.pid

    @property
    def redis_pid(self) -> int | None:
        return self._backends.valkey.pid
