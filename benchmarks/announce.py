"""The cost of announcing an event on Redis: CPU from the committed event to the answers, per event.

`Stream.publish` on the event loop that the pods have, against a real server; the kernel's part counts. One event a
batch is a quiet pod, many are a busy one. Every announcement must be taken.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from backbone.contract.event import Event, encode_event
from backbone.contract.offset import Offset
from backbone.eventlog.stream import Outcome, Stream
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.valkey import Valkey

ROOT = Path(__file__).resolve().parents[1]
BATCHES = (1, 10, 100)
TENANTS = 100
DATA = json.dumps({"orderNumber": 4711, "customerName": "Ada Lovelace", "notes": "x" * 180}).encode()


@dataclass(frozen=True, slots=True)
class Announced:
    """One run: µs of CPU (user and system) an event; `refused` were not taken as they should."""

    batch: int
    events: int
    cpu_us: float
    refused: int


def measure(events: int) -> list[Announced]:
    """Measure each size of batch once, each in a process of its own, with a server of our own."""
    found = []
    for batch in BATCHES:
        server = Valkey()
        server.start()
        try:
            command = [sys.executable, "-m", "benchmarks.announce", server.url, str(batch), str(events)]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
            found.append(Announced(**json.loads(done.stdout)))
        finally:
            server.stop()
    return found


async def _announce(url: str, batch: int, events: int) -> Announced:
    settings = load_settings(
        PodSettings, database_url="postgresql://unused/unused", redis_url=url, redis_timeout_seconds=5
    )
    stream = Stream(settings)
    batches = [
        [_event(number) for number in range(start, min(start + batch, events))]
        for start in range(0, events, batch)
    ]
    await stream.publish([("warm", _event(0)[1])])
    taken = 0
    began = time.process_time()
    for some in batches:
        taken += (await stream.publish(some))[Outcome.OK]
    cpu = time.process_time() - began
    await stream.close()
    return Announced(batch, events, round(cpu / events * 1e6, 2), events - taken)


def _event(number: int) -> tuple[str, Event]:
    tenant, offset, now_ms = f"tenant-{number % TENANTS}", Offset(1, 1 + number // TENANTS), 1_700_000_000_000
    payload = encode_event(tenant, offset, "new_order", now_ms, DATA)
    return tenant, Event(offset, "new_order", now_ms, payload)


def table(runs: Sequence[Sequence[Announced]]) -> str:
    """The medians over the runs, as lines."""
    lines = ["", f"event → Redis, CPU of the process that announces ({len(runs)} runs)", ""]
    lines.append(f"{'a batch':>10} {'µs/event':>10} {'least':>8} {'refused':>8}")
    for same in zip(*runs, strict=True):
        costs = [run.cpu_us for run in same]
        lines.append(
            f"{same[0].batch:>10} {statistics.median(costs):>10.2f} {min(costs):>8.2f}"
            f" {sum(run.refused for run in same):>8}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    _url, _batch, _events = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(_announce(_url, int(_batch), int(_events))))))
