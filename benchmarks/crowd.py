"""`python -m benchmarks.crowd`: what fifty thousand idle terminals cost one `bellwire gateway --workers 4`.

Real PostgreSQL and Valkey, heartbeats and head checks on, clients in C in processes of their own (each may open twenty
thousand descriptors here). Told: memory of the workers for a connection, and their share of a core and the rows that
are written while nothing happens but heartbeats.
"""

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.cpu import cpu_seconds, rss_bytes
from benchmarks.fanout.crowd import Crowd, build
from benchmarks.fanout.disturbance import Watch
from benchmarks.report import write_json
from benchmarks.storm import Site

A_CLIENT = 17_000
ATTEMPTS = 3
"""Of two minutes each, for machines that are busy with other things."""
SETTLE_SECONDS = 20.0
COUNTED_SECONDS = 11.0
"""By then every session of PostgreSQL, idle ones too, has told what it has written."""
_WRITTEN = """
    SELECT coalesce(sum(written) FILTER (WHERE NOT is_sign), 0)::bigint AS rows,
           coalesce(sum(written) FILTER (WHERE is_sign), 0)::bigint AS leases
    FROM (
        SELECT n_tup_ins + n_tup_upd + n_tup_del AS written, relname IN ('gateways', 'pod_samples') AS is_sign
        FROM pg_stat_user_tables
    ) AS tables
"""


@dataclass(frozen=True, slots=True)
class Held:
    """One run. `cores` is the workers' share of one core; memory is that of the processes, without the kernel's.

    `rows_to_come_in`: written for each terminal until all were open. `rows_at_rest`: written for all of them while they
    were watched, besides `leases_at_rest`, the rows by which the workers say that they live, and how they are.
    """

    terminals: int
    tenants: int
    workers: int
    open: int
    connect_seconds: float
    fewest_on_a_worker: int
    most_on_a_worker: int
    rss_bytes_each: float
    kernel_bytes_each: float
    watched_seconds: float
    cores: float
    rows_to_come_in: float
    rows_at_rest: int
    leases_at_rest: int
    still_open: int
    disturbed: bool


def workers_of(parent: int) -> list[int]:
    """The processes that a gateway's parent has started."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def tcp_bytes() -> int:
    """The kernel's memory for TCP buffers, of both ends."""
    pages = re.search(r"^TCP: .* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.M)
    return int(pages[1]) * 4096 if pages else 0


def sockets_of(pid: int) -> int:
    """How many descriptors a process has open, which for a full gateway is its sockets."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def measure(terminals: int, tenants: int, workers: int, seconds: float) -> Held:
    """Bring everybody in, let it settle, watch."""
    site = Site(tenants, terminals)
    crowds: list[Crowd] = []
    with tempfile.TemporaryDirectory() as folder:
        program = await build("stormclient", Path(folder))
        try:
            await site.start()
            await site.start_gateways(1, "--workers", str(workers))
            return await _watch(site, program, Path(folder), crowds, seconds)
        finally:
            for crowd in crowds:
                await crowd.stop()
            await site.stop()


async def _watch(site: Site, program: Path, folder: Path, crowds: list[Crowd], seconds: float) -> Held:
    seats = await site.seats()
    empty = await _written(site)
    # One worker is the process itself.
    pids = workers_of(site.pods[0].pid) or [site.pods[0].pid]
    memory, kernel = sum(map(rss_bytes, pids)), tcp_bytes()
    began = time.monotonic()
    for first in range(0, len(seats), A_CLIENT):
        seated = folder / f"{first}.terminals"
        crowds += [await _client(program, seated, seats[first : first + A_CLIENT])]
    opened: list[dict[str, int]] = []
    for _ in range(ATTEMPTS):
        opened = await asyncio.gather(*(crowd.ask("open") for crowd in crowds))
        if sum(answer["open"] for answer in opened) == len(seats):
            break
    took = time.monotonic() - began
    await asyncio.sleep(SETTLE_SECONDS)
    resting = await _written(site)
    shares = [sockets_of(pid) for pid in pids]
    memory, kernel = sum(map(rss_bytes, pids)) - memory, tcp_bytes() - kernel
    used, began, watch = sum(map(cpu_seconds, pids)), time.monotonic(), Watch()
    await asyncio.sleep(seconds)
    disturbed = watch.read().disturbed
    used, watched = sum(map(cpu_seconds, pids)) - used, time.monotonic() - began
    written = await _written(site)
    left = await asyncio.gather(*(crowd.ask("report") for crowd in crowds))
    count = sum(answer["open"] for answer in opened)
    return Held(
        site.terminals, len(site.tenants), len(pids), count, took, min(shares), max(shares), memory / count,
        kernel / count, watched, used / watched, (resting[0] - empty[0]) / count, written[0] - resting[0],
        written[1] - resting[1], sum(answer["open"] for answer in left), disturbed,
    )  # fmt: skip


async def _written(site: Site) -> tuple[int, int]:
    """Rows written so far: those of gateways' leases last."""
    await asyncio.sleep(COUNTED_SECONDS)
    row = await site.connection.fetchrow(_WRITTEN)
    return row["rows"], row["leases"]


async def _client(program: Path, file: Path, seats: Sequence[str]) -> Crowd:
    await asyncio.to_thread(file.write_text, "".join(f"{seat}\n" for seat in seats))
    return Crowd(
        await asyncio.create_subprocess_exec(
            program, file, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        ),
        file,
    )


def hold(terminals: int, tenants: int, workers: int, seconds: float) -> Held:
    """Measure with room for everybody."""
    # The kernel does not spread them quite evenly, and a worker takes no more than its share.
    os.environ.setdefault("BELLWIRE_MAX_SOCKETS", str(terminals * 6 // 5))
    return asyncio.run(measure(terminals, tenants, workers, seconds))


def table(held: Held) -> str:
    """One line a figure."""
    lines = ["", "idle terminals", ""]
    lines += [f"{name:<22}{format(getattr(held, name), ',.6g'):>14}" for name in Held.__slots__]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--terminals", type=int, default=50_000)
    parser.add_argument("--tenants", type=int, default=500)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=40.0, help="watched, of heartbeats alone (40)")
    arguments = parser.parse_args()
    held = hold(arguments.terminals, arguments.tenants, arguments.workers, arguments.seconds)
    print(table(held))
    print(f"written to {write_json('crowd', [held])}")


if __name__ == "__main__":
    main()
