"""What is measured: our gateway, whole, and others that are fed by stdin; all behind one small interface.

Our gateway is the real one: its log, cursors, metrics, heartbeats and head check on, fed by a commit in PostgreSQL and
a publish to Valkey for each event. The others get each event as a line on stdin, and know nothing but that.
"""

import asyncio
import os
import secrets
import sys
import uuid
from abc import ABC, abstractmethod
from pathlib import Path

import asyncpg

from api.db.migrate import migrate
from backbone.contract.event import Event
from backbone.contract.keys import KeyKind, hash_key, make_key
from backbone.contract.offset import Offset
from backbone.eventlog.stream import Stream
from backbone.runtime.settings import PodSettings
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey

HERE = Path(__file__).parent
TENANT = "crowded"
PADDING = "x" * 180


class Server(ABC):
    """Something that sends events to sockets."""

    name: str
    port: int

    @abstractmethod
    async def start(self, sockets: int) -> list[str]:
        """Start it and return a seat for each socket."""

    @abstractmethod
    async def broadcast(self, at_ns: int) -> None:
        """Send one event of about 350 bytes that carries `at_ns`."""

    @abstractmethod
    async def stop(self) -> None:
        """End it."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process whose time counts."""


class Piped(Server):
    """A server that broadcasts what comes on stdin."""

    def __init__(self, name: str, *command: str | Path) -> None:
        self.name = name
        self.port = free_port()
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, sockets: int) -> list[str]:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, str(self.port), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        assert line == b"ready\n", f"{self.name} did not start"
        return [f"/{number}\t\t" for number in range(sockets)]

    async def broadcast(self, at_ns: int) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        data = f'{{"at":"{at_ns}","pad":"{PADDING}"}}'
        envelope = (
            f'{{"type":"order_updated","tenant":"{TENANT}","offset":"1-100","id":"evt_{TENANT}_1-100",'
            f'"timestamp":"2026-01-01T00:00:00.000Z","data":{data}}}\n'
        )
        self._process.stdin.write(envelope.encode())
        await self._process.stdin.drain()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


class Gateway(Server):
    """Ours."""

    name = "bellwire gateway"

    def __init__(self, **settings: str) -> None:
        self._settings = settings
        self._postgres = Postgres()
        self._valkey = Valkey()
        self._pod: Pod | None = None

    async def start(self, sockets: int) -> list[str]:
        await asyncio.gather(asyncio.to_thread(self._postgres.start), asyncio.to_thread(self._valkey.start))
        await migrate(self._postgres.url)
        self._connection = await asyncpg.connect(self._postgres.url)
        keys = await self._register(sockets)
        env = {
            **os.environ,
            "BELLWIRE_DATABASE_URL": self._postgres.url,
            "BELLWIRE_REDIS_URL": self._valkey.url,
            "BELLWIRE_LOG_FORMAT": "text",
            **self._settings,
        }
        self._stream = Stream(PodSettings(database_url=self._postgres.url, redis_url=self._valkey.url))  # type: ignore[arg-type, call-arg]
        self.port = free_port()
        self._pod = Pod(
            "gateway", "gateway", [sys.executable, "-m", "bellwire", "gateway"], self.port, env=env
        )
        self._pod.start()
        await asyncio.to_thread(self._pod.await_ready)
        return [f"/ws/pos/{TENANT}\tAuthorization: Bearer {key}\t" for key in keys]

    async def _register(self, sockets: int) -> list[str]:
        keys = [make_key(KeyKind.TERMINAL, secrets.token_bytes(32)) for _ in range(sockets)]
        terminals = [uuid.uuid4() for _ in keys]
        await self._connection.execute("INSERT INTO tenants (tenant, name) VALUES ($1, $1)", TENANT)
        await self._connection.execute("INSERT INTO tenant_streams (tenant) VALUES ($1)", TENANT)
        await self._connection.execute(
            "INSERT INTO terminals (terminal_id, tenant, name) SELECT t, $1, 'till' FROM unnest($2::uuid[]) AS t",
            TENANT,
            terminals,
        )
        await self._connection.execute(
            "INSERT INTO api_keys (key_hash, kind, tenant, terminal_id)"
            " SELECT h, 'term', $1, t FROM unnest($2::bytea[], $3::uuid[]) AS k (h, t)",
            TENANT,
            [hash_key(key) for key in keys],
            terminals,
        )
        return keys

    async def broadcast(self, at_ns: int) -> None:
        row = await self._connection.fetchrow(
            "WITH s AS (UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = $1 RETURNING epoch, seq)"
            " SELECT e.* FROM s, append_event($1, s.epoch, s.seq, 'order_updated', $2) AS e",
            TENANT,
            f'{{"at":"{at_ns}","pad":"{PADDING}"}}',
        )
        assert row is not None
        event = Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])
        await self._stream.publish([(TENANT, event)])

    async def stop(self) -> None:
        if self._pod is not None:
            await asyncio.to_thread(self._pod.stop, 0.1)
            await self._stream.close()
            await self._connection.close()
        await asyncio.to_thread(self._valkey.stop)
        await asyncio.to_thread(self._postgres.stop)

    @property
    def pid(self) -> int:
        assert self._pod is not None
        return self._pod.pid
