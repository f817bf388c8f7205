"""nginx with nchan, from Debian's packages: WebSocket subscribers, a publisher over HTTP, messages in memory."""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fanout.daemon import Daemon
from benchmarks.fanout.events import envelope
from benchmarks.fanout.placement import NOWHERE, Placement
from benchmarks.fanout.servers import CROWDED, ONE_ROOM, QUIET, spread
from infra.local.debian_tool import ToolMissing, advice, fetch, locked, on_path, private_folder, unpacked

PACKAGES = ("libnginx-mod-nchan", "nginx")
MODULE = "usr/lib/nginx/modules/ngx_nchan_module.so"
# Compiled into Debian's module, which takes no other; nginx does not start without it.
STATE = Path("/var/lib/nginx")
CONFIGURATION = """
load_module {module};
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 19000; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    nchan_shared_memory_size 128m;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location ~ ^/sub/(?<room>[a-z0-9]+)$ {{ nchan_subscriber websocket; nchan_channel_id $room;
                                             nchan_subscriber_first_message newest; }}
        location ~ ^/pub/(?<room>[a-z0-9]+)$ {{ nchan_publisher http; nchan_channel_id $room;
                                             nchan_message_buffer_length 10; }}
        location = /status {{ nchan_stub_status; }}
    }}
}}
"""


class Nchan(Daemon):
    """One worker; the master that does nothing counts too."""

    name = "nginx nchan"
    rooms = True

    def __init__(self, placement: Placement = NOWHERE) -> None:
        super().__init__(placement)
        self._made_state = False

    async def start(self, sockets: int, rooms: Sequence[str] = ONE_ROOM) -> list[str]:
        nginx, module = await asyncio.to_thread(find_nchan)
        self._made_state = make_state()
        folder = self.make_folder("nginx")
        # A master that is root gives its workers to another user, who need not exist here.
        user = "user root;" if os.geteuid() == 0 else ""
        file = folder / "nginx.conf"
        file.write_text(CONFIGURATION.format(module=module, user=user, port=self.port))
        status = await self.launch(
            nginx, "-p", folder, "-e", "stderr", "-c", file, folder=folder, sign="/status"
        )
        found = re.search(r"nchan version: (\S+)", status)
        self.version = found[1] if found else None
        return spread(sockets, rooms, lambda room: f"/sub/{room}\t\t")

    async def quiet_seats(self, sockets: int) -> list[str]:
        return [f"/sub/{QUIET}\t\t"] * sockets

    async def broadcast(self, at_ns: int, room: str = CROWDED) -> int:
        published = time.time_ns()
        await self.post(f"/pub/{room}", envelope(room, at_ns))
        return published

    async def stop(self) -> None:
        await super().stop()
        if self._made_state:
            remove_state()


def make_state() -> bool:
    """Make the one folder that nginx insists on; False when it was there."""
    if STATE.exists():
        return False
    STATE.mkdir()
    return True


def remove_state() -> None:
    """Remove that folder; with anything in it, it is somebody's by now and stays."""
    with contextlib.suppress(OSError):
        STATE.rmdir()


def find_nchan() -> tuple[Path, Path]:
    """The program and the module; what this machine lacks is fetched into a folder of our own.

    Raises:
        ToolMissing: it could not be had; the message is one sentence.
    """
    if not STATE.exists() and os.geteuid() != 0:
        raise ToolMissing(advice("nginx with nchan", PACKAGES, f"{STATE} is not there, and not ours to make"))
    folder = private_folder()
    tree = folder / PACKAGES[0]
    reason = ""
    with locked(folder):
        if _found(tree) is None:
            reason = fetch(PACKAGES, tree)
        found = _found(tree)
    if found is None:
        raise ToolMissing(advice("nginx with nchan", PACKAGES, reason))
    return found


def _found(tree: Path) -> tuple[Path, Path] | None:
    # Module and program have to be of one build; the system's own two are, and so are the fetched ones.
    for module in (Path("/") / MODULE, tree / MODULE):
        tool = unpacked(tree, "nginx")
        program = tool.path if tool is not None else on_path("nginx")
        if module.is_file() and program is not None:
            return program, module
    return None
