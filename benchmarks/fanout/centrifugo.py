"""Centrifugo with its Redis engine: its own bidirectional WebSocket protocol in JSON, a channel for each tenant.

It is set up so that a client that was away can recover, as its documentation has it (history with a lifetime, recovery
and positioning on), and fed as its users feed it: by its HTTP API, which goes through Redis. The program is built from
its released source by Go, whose checksum database vouches for it.
"""

import json
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fanout.backends import Backends
from benchmarks.fanout.daemon import Daemon
from benchmarks.fanout.events import envelope
from benchmarks.fanout.placement import NOWHERE, Placement
from benchmarks.fanout.servers import CROWDED, ONE_ROOM, QUIET, spread
from infra.local.debian_tool import Progress, ToolMissing, last_line, locked, private_folder, run

VERSION = "6.9.1"
SOURCE = f"github.com/centrifugal/centrifugo/v6@v{VERSION}"
BUILD_SECONDS = 1200
# Two commands in one frame, a line each; what stands for the line's end here is the load client's word for it.
CONNECT = '{{"id":1,"connect":{{}}}}\x1f{{"id":2,"subscribe":{{"channel":"{room}"}}}}'
SEAT = f'/connection/websocket\t\t{CONNECT}\t"id":2,"subscribe"'


class Centrifugo(Daemon):
    """One node."""

    name = "Centrifugo, Redis engine"
    rooms = True
    version = VERSION

    def __init__(self, program: Path, backends: Backends, placement: Placement = NOWHERE) -> None:
        super().__init__(placement)
        self._program = program
        self._backends = backends

    async def start(self, sockets: int, rooms: Sequence[str] = ONE_ROOM) -> list[str]:
        await self._backends.start()
        folder, key = self.make_folder("centrifugo"), secrets.token_urlsafe()
        file = folder / "config.json"
        file.write_text(json.dumps(configuration(self.port, self._backends.valkey.url, key)))
        await self.launch(
            self._program, "--config", file, folder=folder, sign="/health", headers={"X-API-Key": key}
        )
        return spread(sockets, rooms, lambda room: SEAT.format(room=room))

    async def quiet_seats(self, sockets: int) -> list[str]:
        return [SEAT.format(room=QUIET)] * sockets

    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        published = time.time_ns()
        answer = await self.post("/api/publish", f'{{"channel":"{room}","data":{envelope(room, at_ns)}}}')
        assert "error" not in answer.json(), answer.text
        return published

    @property
    def redis_pid(self) -> int | None:
        return self._backends.valkey.pid


def configuration(port: int, redis: str, key: str) -> dict[str, object]:
    """The differences from its defaults."""
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
