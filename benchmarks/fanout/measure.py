"""Server CPU per delivery, and when the last socket has an event: each server in turn, several times over."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.cpu import cpu_seconds, rss_bytes
from benchmarks.fanout.crowd import Crowd, build
from benchmarks.fanout.servers import HERE, Gateway, Piped, Server

SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One server's turn. `complete` of `broadcasts` reached every socket before the phase ended."""

    server: str
    sockets: int
    broadcasts: int
    complete: int
    us_per_delivery: float
    last_p50_ms: float
    last_p99_ms: float
    idle_bytes_per_socket: float
    connects_per_second: float


async def measure(server: Server, program: Path, sockets: int, broadcasts: int, rate: float) -> Phase:
    """Open the crowd, broadcast at `rate` a second, and read what the server used."""
    seats = await server.start(sockets)
    crowd = await Crowd.start(program, server.port, seats)
    try:
        before = rss_bytes(server.pid)
        opened = await crowd.ask("open")
        assert opened["opened"] == sockets, f"{server.name}: {opened}"
        await asyncio.sleep(SETTLE_SECONDS)
        idle = (rss_bytes(server.pid) - before) / sockets
        # What only the first broadcasts pay is not what one costs.
        for _ in range(5):
            await server.broadcast(time.time_ns())
            await asyncio.sleep(1 / rate)
        await crowd.events(5 * sockets, 10)
        await crowd.ask("reset")
        began = cpu_seconds(server.pid)
        for number in range(broadcasts):
            due = time.monotonic() + 1 / rate
            await server.broadcast(time.time_ns())
            if number < broadcasts - 1:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        report = await crowd.events(broadcasts * sockets, 30)
        used = cpu_seconds(server.pid) - began
    finally:
        await crowd.stop()
        await server.stop()
    return Phase(
        server.name, sockets, broadcasts, report["complete"], used * 1e6 / max(1, report["events"]),
        report["last_p50_ms"], report["last_p99_ms"], idle, sockets / max(0.001, opened["seconds"]),
    )  # fmt: skip


async def compare(sockets: int, broadcasts: int, rate: float, rounds: int) -> list[Phase]:
    """Give every server its turn, `rounds` times over, so that a disturbance does not hit one alone."""
    phases = []
    with tempfile.TemporaryDirectory() as folder:
        client = await build("loadclient", Path(folder))
        limit = await build("sendloop", Path(folder))
        makers: list[Callable[[], Server]] = [
            lambda: Piped("C send() loop", limit),
            Gateway,
            lambda: Piped("Starlette send_text", _python(), HERE / "rivals" / "starlette_loop.py"),
        ]
        if await _install_node_rivals():
            makers.append(lambda: Piped("Node ws", "node", HERE / "rivals" / "ws.js"))
        for _ in range(rounds):
            for make in makers:
                phases.append(await measure(make(), client, sockets, broadcasts, rate))  # noqa: PERF401
    return phases


def _python() -> str:
    import sys

    return sys.executable


async def _install_node_rivals() -> bool:
    folder = HERE / "rivals"
    if (folder / "node_modules" / "ws").exists():
        return True
    try:
        process = await asyncio.create_subprocess_exec(
            "npm", "install", "--no-audit", "--no-fund", "--silent", cwd=folder
        )
    except FileNotFoundError:
        print("Node is not here; its rivals are left out")
        return False
    return await process.wait() == 0


def table(phases: list[Phase]) -> str:
    """Medians over the rounds, and each server's ratio to the limit."""
    names = list(dict.fromkeys(phase.server for phase in phases))
    middle = {
        name: statistics.median(p.us_per_delivery for p in phases if p.server == name) for name in names
    }
    limit = middle[names[0]]
    sockets, rounds = phases[0].sockets, len(phases) // len(names)
    lines = ["", f"fan-out to {sockets} sockets, medians of {rounds} turns", ""]
    lines.append(f"{'':<22} {'CPU µs/delivery':>16} {'spread':>15} {'× limit':>8} {'last p50':>9} {'last p99':>9}"
                 f" {'kB/socket':>10} {'connects/s':>11} {'incomplete':>11}")  # fmt: skip
    for name in names:
        own = [phase for phase in phases if phase.server == name]
        costs = [phase.us_per_delivery for phase in own]

        def median(field: str, own: list[Phase] = own) -> float:
            return float(statistics.median(getattr(phase, field) for phase in own))

        spread = f"{min(costs):.2f}–{max(costs):.2f}"
        missing = sum(phase.broadcasts - phase.complete for phase in own)
        lines.append(
            f"{name:<22} {middle[name]:>16.2f} {spread:>15} {middle[name] / limit:>8.2f} {median('last_p50_ms'):>9.2f}"
            f" {median('last_p99_ms'):>9.2f} {median('idle_bytes_per_socket') / 1000:>10.1f}"
            f" {median('connects_per_second'):>11.0f} {missing:>11}"
        )
    return "\n".join(lines) + "\n"
