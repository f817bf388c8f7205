"""The way of an event from the socket of a gateway to its tenant's room: CPU of the process that hears, per event.

A process of its own hears the live channels through `LiveFeed`, on the event loop that the pods have; this one
publishes, either one event at a time, with pauses in which the other falls asleep, or in bursts. Kernel time counts.
Every event must come, in order.
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
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.topology import Topology
from backbone.runtime.settings import PodSettings, load_settings
from benchmarks.redis_wire import RedisWire, announcement
from infra.local.valkey import Valkey

ROOT = Path(__file__).resolve().parents[1]
TENANTS = (1, 1000)
BURSTS = (1, 100)
PAUSE_SECONDS = 0.0003
SILENCE_SECONDS = 5.0
DATA = json.dumps({"orderNumber": 4711, "customerName": "Ada Lovelace", "notes": "x" * 180}).encode()


@dataclass(frozen=True, slots=True)
class Heard:
    """One run: what an event cost the process that hears, in µs of CPU (user and system)."""

    tenants: int
    burst: int
    events: int
    cpu_us: float
    lost: int
    out_of_order: int


def measure(events: int) -> list[Heard]:
    """Measure each way once, with a server of our own."""
    server = Valkey()
    server.start()
    try:
        return [
            _run(server.url, server.port, tenants, burst, events) for tenants in TENANTS for burst in BURSTS
        ]
    finally:
        server.stop()


def _run(url: str, port: int, tenants: int, burst: int, events: int) -> Heard:
    command = [sys.executable, "-m", "benchmarks.wire", url, str(tenants), str(burst), str(events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready", "the hearing process did not come up"
        _publish(port, tenants, burst, events)
        return Heard(**json.loads(child.stdout.readline()))


def _publish(port: int, tenants: int, burst: int, events: int) -> None:
    with RedisWire(port) as redis:
        for start in range(0, events, burst):
            numbers = range(start, min(start + burst, events))
            redis.ask([_announcement(number % tenants, 1 + number // tenants) for number in numbers])
            time.sleep(PAUSE_SECONDS * burst**0.5)


def _announcement(tenant: int, seq: int) -> bytes:
    name, offset, now_ms = f"tenant-{tenant}", Offset(1, seq), time.time_ns() // 1_000_000
    payload = encode_event(name, offset, "new_order", now_ms, DATA)
    return announcement(name, Event(offset, "new_order", now_ms, payload))


async def _hear(url: str, tenants: int, burst: int, events: int) -> Heard:
    # A busy machine must not look like a Redis that is away: a subscription begun anew has a gap before it.
    settings = load_settings(
        PodSettings,
        database_url="postgresql://unused/unused",
        redis_url=url,
        pod_name="wire",
        redis_timeout_seconds=5,
    )
    rooms = {f"tenant-{number}": [0] for number in range(tenants)}
    heard = wrong = 0
    began = ended = 0.0

    def on_event(tenant: str, event: Event) -> None:
        nonlocal heard, wrong, began, ended
        room = rooms.get(tenant)
        assert room is not None
        wrong += event.offset.seq != room[0] + 1
        room[0] = event.offset.seq
        heard += 1
        if heard >= events:
            ended = time.process_time()

    feed = LiveFeed(settings, Topology(settings), on_event, lambda _: None)
    running = asyncio.create_task(feed.run())
    for tenant in rooms:
        feed.want(tenant)
    while feed.unheard():
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    began = time.process_time()
    before, quiet_since = 0, time.monotonic()
    while heard < events and time.monotonic() - quiet_since < SILENCE_SECONDS:
        await asyncio.sleep(0.25)
        if heard > before:
            before, quiet_since = heard, time.monotonic()
    ended = ended or time.process_time()
    running.cancel()
    await asyncio.wait([running])
    return Heard(tenants, burst, events, round((ended - began) / events * 1e6, 2), events - heard, wrong)


def table(runs: Sequence[Sequence[Heard]]) -> str:
    """The medians over the runs, as lines."""
    lines = ["", f"Redis message → room, CPU of the process that hears ({len(runs)} runs)", ""]
    lines.append(
        f"{'tenants':>8} {'at a time':>10} {'µs/event':>10} {'least':>8} {'lost':>6} {'out of order':>14}"
    )
    for same in zip(*runs, strict=True):
        costs = [run.cpu_us for run in same]
        lines.append(
            f"{same[0].tenants:>8} {same[0].burst:>10} {statistics.median(costs):>10.2f} {min(costs):>8.2f}"
            f" {sum(run.lost for run in same):>6} {sum(run.out_of_order for run in same):>14}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    _url, _tenants, _burst, _events = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(_hear(_url, int(_tenants), int(_burst), int(_events))))))
