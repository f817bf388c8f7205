"""Ours, the real one: log, cursors, metrics, heartbeats and head check on; each event is committed and published."""

import asyncio
import os
import secrets
import sys
import time
import uuid

import asyncpg

from backbone.contract.event import Event
from backbone.contract.keys import KeyKind, hash_key, make_key
from backbone.contract.offset import Offset
from backbone.eventlog.stream import Stream
from backbone.runtime.settings import PodSettings
from benchmarks.fanout.backends import Backends
from benchmarks.fanout.events import event_data
from benchmarks.fanout.placement import NOWHERE, Placement
from benchmarks.fanout.servers import CROWDED, QUIET, Server
from infra.local.pods import Pod
from infra.local.ports import free_port

WELCOME = '"type":"hello"'
APPEND = """
WITH s AS (UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = $1 RETURNING epoch, seq)
SELECT e.* FROM s, append_event($1, s.epoch, s.seq, 'order_updated', $2) AS e
"""
TERMINALS = """
INSERT INTO terminals (terminal_id, tenant, name) SELECT t, $1, 'till' FROM unnest($2::uuid[]) AS t
"""
KEYS = """
INSERT INTO api_keys (key_hash, kind, tenant, terminal_id)
SELECT h, 'term', $1, t FROM unnest($2::bytea[], $3::uuid[]) AS k (h, t)
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
        **settings: str,
    ) -> None:
        """`settings` are words of the environment; databases that are not given are its own and end with it."""
        self._shared = backends is not None
        self._backends = backends or Backends()
        self._placement = placement
        self._settings = settings
        # A turn must not meet the events of another one.
        mark = secrets.token_hex(4)
        self._tenants = {room: f"{room}-{mark}" for room in (CROWDED, QUIET)}
        # A connection for each tenant, so that neither's commits wait for the other's.
        self._connections: dict[str, asyncpg.Connection] = {}
        self._stream: Stream | None = None
        self._pod: Pod | None = None

    async def start(self, sockets: int) -> list[str]:
        await self._backends.start()
        database, redis = self._backends.postgres.url, self._backends.valkey.url
        seats = await self._seats(CROWDED, sockets)
        env = {
            **os.environ,
            "BELLWIRE_DATABASE_URL": database,
            "BELLWIRE_REDIS_URL": redis,
            "BELLWIRE_LOG_FORMAT": "text",
            **self._settings,
        }
        self._stream = Stream(PodSettings(database_url=database, redis_url=redis))  # type: ignore[arg-type, call-arg]
        self.port = free_port()
        command = self._placement.server(sys.executable, "-m", "bellwire", "gateway")
        self._pod = Pod("gateway", "gateway", [str(word) for word in command], self.port, env=env)
        self._pod.start()
        await asyncio.to_thread(self._pod.await_ready)
        return seats

    async def quiet_seats(self, sockets: int) -> list[str]:
        return await self._seats(QUIET, sockets)

    async def _seats(self, room: str, sockets: int) -> list[str]:
        tenant = self._tenants[room]
        keys = [make_key(KeyKind.TERMINAL, secrets.token_bytes(32)) for _ in range(sockets)]
        terminals = [uuid.uuid4() for _ in keys]
        connection = self._connections[room] = await asyncpg.connect(self._backends.postgres.url)
        await connection.execute("INSERT INTO tenants (tenant, name) VALUES ($1, $1)", tenant)
        await connection.execute("INSERT INTO tenant_streams (tenant) VALUES ($1)", tenant)
        await connection.execute(TERMINALS, tenant, terminals)
        await connection.execute(KEYS, tenant, [hash_key(key) for key in keys], terminals)
        return [f"/ws/pos/{tenant}\tAuthorization: Bearer {key}\t\t{WELCOME}" for key in keys]

    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        assert self._stream is not None
        tenant = self._tenants[room]
        row = await self._connections[room].fetchrow(APPEND, tenant, event_data(at_ns))
        assert row is not None
        event = Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])
        published = time.time_ns()
        await self._stream.publish([(tenant, event)])
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
