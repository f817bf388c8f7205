"""`python -m benchmarks.jitter`: SDK terminals on bad lines, each cut every 15 s for 2 s, and what reaches them.

The shape of a public comparison of WebSocket servers (evilmartians.com, 2026-06-24), which has ten thousand clients.
Two gateways without a balancer, real PostgreSQL and Valkey. Each terminal has a line of its own, a port that carries
bytes or refuses; when the line is whole again the terminal hears so, as a till does from its system.
"""

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bellwire_terminal import Terminal
from benchmarks.fanout.disturbance import Disturbance, Watch
from benchmarks.report import write_json
from benchmarks.storm import Site

AT_ONCE = 50
ARRIVE_SECONDS = 300.0
LAST_SECONDS = 60.0
MOST_TERMINALS = 4_000
"""A terminal takes five descriptors of this process."""


@dataclass(frozen=True, slots=True)
class Jitter:
    """One run. `replay` is from the connection that gets through until live, `back` from the line's mending."""

    terminals: int
    tenants: int
    messages: int
    cuts: int
    delivered_percent: float
    repeated: int
    out_of_order: int
    returns: int
    replay_p50_ms: float
    replay_p99_ms: float
    back_p50_ms: float
    back_p99_ms: float
    disturbance: Disturbance


class Line:
    """The line of one terminal to one gateway. `came_at` is when its last connection got through."""

    def __init__(self, far_port: int) -> None:
        self._far_port = far_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.came_at = 0.0

    async def mend(self) -> None:
        """Listen, on the port that it had."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Refuse whoever comes, and drop what is open without a word."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came_at = time.perf_counter()
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far_port)
            self._writers.add(far_writer)
            await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
            far_writer.transport.abort()
            self._writers.discard(far_writer)
        writer.transport.abort()
        self._writers.discard(writer)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    writer.close()


@dataclass
class Till:
    """A terminal, its line, and its own record. Times in seconds."""

    line: Line
    tenant: str
    key: str
    record: list[str] = field(default_factory=list)
    replays: list[float] = field(default_factory=list)
    backs: list[float] = field(default_factory=list)
    cuts: int = 0
    is_live: asyncio.Event = field(default_factory=asyncio.Event)
    _mended_at: float | None = None

    def on_state(self, state: Mapping[str, Any]) -> None:
        """Note the ways back."""
        if state["state"] != "live":
            return
        now = time.perf_counter()
        if self._mended_at is not None:
            self.replays.append(now - self.line.came_at)
            self.backs.append(now - self._mended_at)
            self._mended_at = None
        self.is_live.set()

    async def run(self, cut_seconds: float, offline_seconds: float, over: asyncio.Event) -> None:
        """Handle, and be cut again and again until it is `over`; then handle on until it is cancelled."""
        await self.line.mend()
        url = f"http://127.0.0.1:{self.line.port}"
        async with Terminal(url, self.tenant, self.key, on_state=self.on_state) as terminal:
            cutting = asyncio.create_task(self._suffer(terminal, cut_seconds, offline_seconds, over))
            try:
                async for event in terminal:
                    self.record.append(event.offset)
            finally:
                cutting.cancel()
                await asyncio.gather(cutting, return_exceptions=True)
                self.line.cut()

    async def _suffer(
        self, terminal: Terminal, cut_seconds: float, offline_seconds: float, over: asyncio.Event
    ) -> None:
        await self.is_live.wait()
        # Lines do not fail all at once.
        pause = random.uniform(0, cut_seconds)
        while not await _within(over, pause):
            self.line.cut()
            self.cuts += 1
            await asyncio.sleep(offline_seconds)
            await self.line.mend()
            self._mended_at = time.perf_counter()
            terminal.online()
            pause = max(0.0, cut_seconds - offline_seconds)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it came within so many seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


async def measure(
    terminals: int,
    tenants: int,
    messages: int,
    *,
    every_seconds: float = 1.0,
    cut_seconds: float = 15.0,
    offline_seconds: float = 2.0,
) -> Jitter:
    """Bring all in, send each shop its messages while lines fail, and wait for the last terminal.

    Raises:
        TimeoutError: not all were live within five minutes.
    """
    site = Site(tenants, terminals)
    try:
        await site.start()
        await site.start_gateways()
        tills = [_till(seat) for seat in await site.seats()]
        over = asyncio.Event()
        running = []
        try:
            async with asyncio.timeout(ARRIVE_SECONDS):
                for start in range(0, len(tills), AT_ONCE):
                    some = tills[start : start + AT_ONCE]
                    running += [
                        asyncio.create_task(till.run(cut_seconds, offline_seconds, over)) for till in some
                    ]
                    await asyncio.gather(*(till.is_live.wait() for till in some))
            watch = Watch()
            for _ in range(messages):
                await site.miss(1)
                await asyncio.sleep(every_seconds)
            over.set()
            await _all_have(tills, messages)
            disturbance = watch.read()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    finally:
        await site.stop()
    return judge(tills, tenants, messages, disturbance)


def _till(seat: str) -> Till:
    port, path, header = seat.split("\t")
    return Till(Line(int(port)), path.rpartition("/")[2], header.removeprefix("Authorization: Bearer "))


async def _all_have(tills: list[Till], messages: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS):
            while any(len(set(till.record)) < messages for till in tills):
                await asyncio.sleep(0.1)


def judge(tills: list[Till], tenants: int, messages: int, disturbance: Disturbance) -> Jitter:
    """The figures of what the tills wrote down; offsets of a shop are `1-1` to `1-<messages>`."""
    wanted = [f"1-{seq}" for seq in range(1, messages + 1)]
    place = {offset: number for number, offset in enumerate(wanted)}
    delivered = repeated = out_of_order = 0
    for till in tills:
        had = {offset for offset in till.record if offset in place}
        delivered += len(had)
        repeated += len(till.record) - len(set(till.record))
        places = [place[offset] for offset in till.record if offset in place]
        out_of_order += places != sorted(places)
    replays = sorted(seconds for till in tills for seconds in till.replays)
    backs = sorted(seconds for till in tills for seconds in till.backs)
    return Jitter(
        len(tills), tenants, messages, sum(till.cuts for till in tills), 100 * delivered / (len(tills) * messages),
        repeated, out_of_order, len(replays), _ms(replays, 0.50), _ms(replays, 0.99), _ms(backs, 0.50),
        _ms(backs, 0.99), disturbance,
    )  # fmt: skip


def _ms(seconds: list[float], share: float) -> float:
    return 1000 * seconds[min(len(seconds) - 1, int(len(seconds) * share))] if seconds else float("nan")


def table(run: Jitter) -> str:
    """A line a figure."""
    rows = {
        "terminals, shops, messages each": f"{run.terminals:,}, {run.tenants}, {run.messages}",
        "cuts, and ways back to live": f"{run.cuts:,}, {run.returns:,}",
        "delivered": f"{run.delivered_percent:.4g} %",
        "repeated, terminals out of order": f"{run.repeated}, {run.out_of_order}",
        "connected → live, p50 / p99": f"{run.replay_p50_ms:.0f} / {run.replay_p99_ms:.0f} ms",
        "line whole → live, p50 / p99": f"{run.back_p50_ms:.0f} / {run.back_p99_ms:.0f} ms",
        "disturbed": "yes" if run.disturbance.disturbed else "no",
    }
    return "\n".join(["", *(f"{name:<36}{value}" for name, value in rows.items()), ""])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--terminals", type=int, default=1000, help=f"of all shops, up to {MOST_TERMINALS:,}")
    parser.add_argument("--tenants", type=int, default=10)
    parser.add_argument("--messages", type=int, default=120, help="to each shop (120)")
    parser.add_argument("--every-seconds", type=float, default=1.0, help="between two messages (1)")
    parser.add_argument("--cut-seconds", type=float, default=15.0, help="from one cut to the next (15)")
    parser.add_argument("--offline-seconds", type=float, default=2.0, help="of each cut (2)")
    words = parser.parse_args()
    if not 1 <= words.tenants <= words.terminals <= MOST_TERMINALS or words.messages < 1:
        parser.error(f"1 ≤ tenants ≤ terminals ≤ {MOST_TERMINALS:,}, and at least one message")
    run = asyncio.run(
        measure(
            words.terminals, words.tenants, words.messages, every_seconds=words.every_seconds,
            cut_seconds=words.cut_seconds, offline_seconds=words.offline_seconds,
        )
    )  # fmt: skip
    print(table(run))
    print(f"written to {write_json('jitter', [run])}")


if __name__ == "__main__":
    main()
