"""The contestants: us, the limit, and every rival that can be had here; one that cannot is named, with why."""

import asyncio
import importlib.metadata
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fanout.backends import Backends
from benchmarks.fanout.centrifugo import Centrifugo, find_centrifugo
from benchmarks.fanout.crowd import build
from benchmarks.fanout.gateway import Gateway
from benchmarks.fanout.nchan import Nchan, find_nchan
from benchmarks.fanout.placement import Placement
from benchmarks.fanout.servers import HERE, Piped, Server
from benchmarks.fanout.socketio import SocketIO
from infra.local.debian_tool import ToolMissing

LIMIT = "C send() loop"
RIVALS = HERE / "rivals"


@dataclass(frozen=True, slots=True)
class Contestants:
    """Makers in the order of their turns. A server is made anew for each turn."""

    makers: dict[str, Callable[[], Server]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def only(self, words: Sequence[str]) -> "Contestants":
        """Those whose name has one of the words in it, and the limit; all of them when there are no words."""
        chosen = {
            name: make for name, make in self.makers.items() if name == LIMIT or _is_chosen(name, words)
        }
        return Contestants(chosen, self.versions, self.left_out)

    def with_rooms(self) -> "Contestants":
        """Those that send an event to one room and spare the others."""
        knowing = {name: make for name, make in self.makers.items() if make().rooms}
        blind = [f"{name}: it knows no rooms" for name in self.makers if name not in knowing]
        return Contestants(knowing, self.versions, [*self.left_out, *blind])

    def note_version(self, server: Server) -> None:
        """A server's own words."""
        if server.version is not None:
            self.versions[server.name] = server.version


async def gather(
    folder: Path,
    backends: Backends,
    placement: Placement,
    only: Sequence[str] = (),
    *,
    patient: bool = True,
    beside: Path | None = None,
) -> Contestants:
    """Build, fetch and install what those need that are chosen, see `Contestants.only`; programs go to `folder`.

    `patient` waits for what takes minutes; `beside` is a checkout of another version of ours.

    Raises:
        NoCompiler: the limit is written in C, and there is nobody to compile it.
    """
    found = Contestants()
    limit = await build("sendloop", folder)

    def piped(name: str, *command: str | Path) -> None:
        found.makers[name] = lambda: Piped(name, *command, placement=placement)

    piped(LIMIT, limit)
    found.makers[Gateway.name] = lambda: Gateway(backends, placement=placement)
    if beside is not None:
        found.makers[f"{Gateway.name} of {beside.name}"] = lambda: Gateway(
            backends, placement=placement, tree=beside
        )
    if _is_chosen(Nchan.name, only):
        await _add_nchan(found, placement)
    if _is_chosen(Centrifugo.name, only):
        await _add_centrifugo(found, backends, placement, patient=patient)
    if _is_chosen("Node ws", only) or _is_chosen(SocketIO.name, only):
        await _add_node(found, piped, backends, placement)
    _add_python(found, piped)
    return found.only(only)


def _is_chosen(name: str, words: Sequence[str]) -> bool:
    return not words or any(word.lower() in name.lower() for word in words)


async def _add_nchan(found: Contestants, placement: Placement) -> None:
    try:
        await asyncio.to_thread(find_nchan)
    except ToolMissing as exc:
        found.left_out.append(f"nchan: {exc}")
        return
    found.makers[Nchan.name] = lambda: Nchan(placement)


async def _add_centrifugo(
    found: Contestants, backends: Backends, placement: Placement, *, patient: bool
) -> None:
    try:
        program = await asyncio.to_thread(find_centrifugo, build=patient, progress=print)
    except ToolMissing as exc:
        found.left_out.append(f"Centrifugo: {exc}")
        return
    found.makers[Centrifugo.name] = lambda: Centrifugo(program, backends, placement)


async def _add_node(
    found: Contestants, piped: Callable[..., None], backends: Backends, placement: Placement
) -> None:
    if (problem := await _install_packages()) is not None:
        found.left_out.append(f"Node ws, Socket.IO: {problem}")
        return
    piped("Node ws", "node", RIVALS / "ws.js")
    found.makers[SocketIO.name] = lambda: SocketIO(backends, placement)
    for package in ("ws", "socket.io", "@socket.io/redis-streams-adapter"):
        document = json.loads((RIVALS / "node_modules" / package / "package.json").read_text())
        found.versions[package] = document["version"]


async def _install_packages() -> str | None:
    """Install exactly what package-lock.json says; returns why it could not be done."""
    lock, installed = RIVALS / "package-lock.json", RIVALS / "node_modules" / ".package-lock.json"
    if shutil.which("node") is None:
        return "Node is not on this machine"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return None
    if shutil.which("npm") is None:
        return "npm is not on this machine"
    process = await asyncio.create_subprocess_exec(
        "npm", "ci", "--no-audit", "--no-fund", "--silent", cwd=RIVALS,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return None if await process.wait() == 0 else "npm could not install them"


def _add_python(found: Contestants, piped: Callable[..., None]) -> None:
    for name, package, module in (
        ("picows", "picows", "picows_loop"),
        ("websockets.broadcast", "websockets", "websockets_broadcast"),
        ("Starlette send_text", "starlette", "starlette_loop"),
    ):
        if importlib.util.find_spec(package) is None:
            found.left_out.append(f"{name}: the package {package} is not installed")
            continue
        piped(name, sys.executable, "-m", f"benchmarks.fanout.rivals.{module}")
        found.versions[package] = importlib.metadata.version(package)
