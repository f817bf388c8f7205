"""Centrifugo with its Redis engine: its own bidirectional WebSocket protocol in JSON, a channel for each tenant.

It is set up so that a client that was away can recover, as its documentation has it (history with a lifetime, recovery
and positioning on), and fed as its users feed it: by its HTTP API, which goes through Redis. The program is built from
its released source by Go, whose checksum database vouches for it.
"""

import asyncio
import json
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from benchmarks.fanout.backends import Backends
from benchmarks.fanout.events import envelope
from benchmarks.fanout.placement import NOWHERE, Placement
from benchmarks.fanout.servers import CROWDED, ONE_ROOM, QUIET, Server, spread
from infra.local.child import Child
from infra.local.debian_tool import Progress, ToolMissing, last_line, locked, private_folder, run
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.workdir import Workdir

VERSION = "6.9.1"
SOURCE = f"github.com/centrifugal/centrifugo/v6@v{VERSION}"
BUILD_SECONDS = 1200
READY_SECONDS = 20.0
# Two commands in one frame, a line each; what stands for the line's end here is the load client's word for it.
CONNECT = '{{"id":1,"connect":{{}}}}\x1f{{"id":2,"subscribe":{{"channel":"{room}"}}}}'
SEAT = f'/connection/websocket\t\t{CONNECT}\t"id":2,"subscribe"'


class Centrifugo(Server):
    """One node."""

    name = "Centrifugo, Redis engine"
    rooms = True
    version = VERSION

    def __init__(self, program: Path, backends: Backends, placement: Placement = NOWHERE) -> None:
        self.port = free_port()
        self._program = program
        self._backends = backends
        self._placement = placement
        self._key = secrets.token_urlsafe()
        self._workdir: Workdir | None = None
        self._child: Child | None = None
        self._http: httpx.AsyncClient | None = None

    async def start(self, sockets: int, rooms: Sequence[str] = ONE_ROOM) -> list[str]:
        await self._backends.start()
        self._workdir = Workdir("centrifugo")
        file = self._workdir.path / "config.json"
        file.write_text(json.dumps(configuration(self.port, self._backends.valkey.url, self._key)))
        command = self._placement.server(self._program, "--config", file)
        self._child = Child("centrifugo", command, cwd=self._workdir.path)
        self._child.start()
        self._http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers={"X-API-Key": self._key}, timeout=30.0
        )
        await self._await_health(self._child)
        return spread(sockets, rooms, lambda room: SEAT.format(room=room))

    async def quiet_seats(self, sockets: int) -> list[str]:
        return [SEAT.format(room=QUIET)] * sockets

    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        assert self._http is not None
        body = f'{{"channel":"{room}","data":{envelope(room, at_ns)}}}'
        published = time.time_ns()
        answer = await self._http.post("/api/publish", content=body)
        answer.raise_for_status()
        assert "error" not in answer.json(), answer.text
        return published

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.aclose()
        if self._child is not None:
            await asyncio.to_thread(self._child.stop)
        if self._workdir is not None:
            self._workdir.remove()

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def redis_pid(self) -> int | None:
        return self._backends.valkey.pid

    async def _await_health(self, child: Child) -> None:
        assert self._http is not None
        deadline = time.monotonic() + READY_SECONDS
        while child.alive and time.monotonic() < deadline:
            try:
                if (await self._http.get("/health")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
        raise CannotStart(f"Centrifugo did not start.\n{child.tail}")


def configuration(port: int, redis: str, key: str) -> dict[str, object]:
    """What differs from its defaults."""
    return {
        "http_server": {"address": "127.0.0.1", "port": port},
        "engine": {"type": "redis", "redis": {"address": [redis]}},
        "http_api": {"key": key},
        "client": {"allow_anonymous_connect_without_token": True},
        "channel": {
            "without_namespace": {
                "allow_subscribe_for_anonymous": True,
                "allow_subscribe_for_client": True,
                "history_size": 300,
                "history_ttl": "24h",
                "force_recovery": True,
                "force_positioning": True,
            }
        },
        "health": {"enabled": True},
        "log": {"level": "warn"},
        # It would tell its makers that it runs.
        "usage_stats": {"disabled": True},
    }


def find_centrifugo(*, build: bool, progress: Progress) -> Path:
    """The program that was built before, or that is built now, which takes minutes and is told to `progress`.

    Raises:
        ToolMissing: it is not here and could not be built, or should not be; the message is one sentence.
    """
    folder = private_folder() / f"centrifugo-v{VERSION}"
    program = folder / "centrifugo"
    with locked(folder.parent):
        if program.is_file():
            return program
        if not build:
            raise ToolMissing("it has yet to be built, which `python -m benchmarks.fanout` does")
        if (go := shutil.which("go")) is None:
            raise ToolMissing("Go is not on this machine")
        progress(f"building Centrifugo {VERSION} from its source, which takes some minutes")
        settings = {"GOBIN": str(folder), "GOFLAGS": "-trimpath", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
        built = run([go, "install", SOURCE], seconds=BUILD_SECONDS, env=settings)
        if built.returncode != 0:
            raise ToolMissing(f"Go could not build it ({last_line(built.stderr)})")
    return program
