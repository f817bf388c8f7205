"""Where the gateway's time goes: sampled by py-spy while it fans out, as a table.

Each sample is a stack. A function's own share is that of samples in which it is on top; `with what it calls` is
that of samples in which it occurs at all. Kernel time counts to the function that asked for it; how much that is in
all stands above the table.
"""

import asyncio
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.backends import Backends
from benchmarks.fanout.cpu import kernel_share
from benchmarks.fanout.crowd import Crowd
from benchmarks.fanout.gateway import Gateway
from benchmarks.fanout.measure import CATCH_UP_SECONDS, broadcast_at
from benchmarks.fanout.placement import Placement

SAMPLES_PER_SECOND = 200
ROWS = 20


class NoProfiler(Exception):
    """py-spy is not here or may not look; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Function:
    """Shares of all samples, from 0 to 1."""

    name: str
    own: float
    whole: float


async def sample(
    program: Path, backends: Backends, placement: Placement, sockets: int, rate: float, seconds: float
) -> str:
    """Sample a gateway under fan-out and return the table.

    Raises:
        NoProfiler: py-spy is missing, or the system does not let it look into another process.
    """
    server = Gateway(backends, placement=placement)
    crowd = None
    try:
        seats = await server.start(sockets)
        crowd = await Crowd.start(program, server.port, seats)
        await crowd.ask("open")
        await broadcast_at(server, rate, 5)
        async with asyncio.TaskGroup() as both:
            both.create_task(broadcast_at(server, rate, round(rate * (seconds + 1))))
            before = kernel_share(server.pid)
            stacks = await _record(server.pid, seconds, program.parent / "stacks")
            after = kernel_share(server.pid)
        report = await crowd.events(1, CATCH_UP_SECONDS)
    finally:
        if crowd is not None:
            await crowd.stop()
        await server.stop()
    user, kernel = after[0] - before[0], after[1] - before[1]
    head = (
        f"{sockets:,} sockets, {rate:g} broadcasts a second for {seconds:g} s, {report['events']:,} deliveries;"
        f" {kernel / max(0.01, user + kernel):.0%} of the time was the kernel's."
    )
    return f"{head}\n\n{profile_table(functions(stacks))}"


async def _record(pid: int, seconds: float, output: Path) -> str:
    py_spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}") or shutil.which("py-spy")
    if py_spy is None:
        raise NoProfiler("The profiler is the package py-spy: pip install py-spy")
    process = await asyncio.create_subprocess_exec(
        py_spy, "record", "--pid", str(pid), "--duration", str(round(seconds)), "--rate", str(SAMPLES_PER_SECOND),
        "--format", "raw", "--function", "--native", "--output", output,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    if process.returncode != 0:
        raise NoProfiler(f"py-spy could not look into the gateway; it may need root.\n{said.decode()}")
    return await asyncio.to_thread(output.read_text)


def functions(stacks: str) -> list[Function]:
    """Count py-spy's raw lines, `outermost;…;innermost COUNT`; the most expensive function first."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        # A function that calls itself was in the sample once.
        for name in set(frames):
            whole[name] += int(count)
    total = max(1, own.total())
    found = [Function(name, own[name] / total, whole[name] / total) for name in whole]
    return sorted(found, key=lambda each: (-each.own, -each.whole))


def profile_table(found: list[Function]) -> str:
    """The functions with the largest shares of their own."""
    lines = ["| function | own | with what it calls |", "| --- | ---: | ---: |"]
    lines += [f"| `{each.name}` | {each.own:.1%} | {each.whole:.1%} |" for each in found[:ROWS]]
    return "\n".join(lines)
