"""`python -m benchmarks.beside TREE`: orders, acks, head checks and tills at rest, beside those of another version.

Each version has servers, pods and shops of its own, all of them up at once; orders and acks go to one after the other,
by turns, and rest is watched at both in the same seconds. So figures of one turn met the same machine, and the ratio
is what counts. TREE is a checkout with its environment: `git worktree add …`, `make .venv/.all` there.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.acking import Tills
from benchmarks.fanout.cpu import cpu_seconds
from benchmarks.fanout.crowd import Crowd, build
from benchmarks.fanout.disturbance import Watch
from benchmarks.fanout.tables import markdown
from benchmarks.orders import CONNECTIONS, ORDER, PATH
from benchmarks.report import write_json, write_text
from benchmarks.version import Version
from benchmarks.wrk import post
from infra.local.failure import CannotStart
from infra.local.interrupt import Stopped, raise_on_signals
from infra.local.pods import Pod

ROOT = Path(__file__).resolve().parents[1]
RESTING_SHOPS, RESTING_TILLS = 400, 5
ACKING_SHOPS, ACKING_TILLS = 200, 5
ACKS = 8
# A gateway stores acks each half second: each of these is a write of its own.
ACK_PAUSE_SECONDS = 0.6
# The longest that a gateway allows: what is left at rest is the head check, and what else a gateway does by itself.
NO_HEARTBEATS = "300"
SETTLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one version. µs of an order and an ack, ms a second at rest; of the pod, and of PostgreSQL.

    Rest is told twice: without heartbeats it is the head check's.
    """

    version: str
    turn: int
    orders_per_second: float
    order_us: float
    order_postgres_us: float
    ack_us: float
    ack_postgres_us: float
    check_ms: float
    check_postgres_ms: float
    rest_ms: float
    disturbed: bool


NAMES = {
    "order_us": "an order: µs of the API pod",
    "order_postgres_us": "an order: µs of PostgreSQL",
    "orders_per_second": "orders a second, 8 shops, 8 connections",
    "ack_us": "an ack: µs of the gateway",
    "ack_postgres_us": "an ack: µs of PostgreSQL",
    "check_ms": "head check: ms of the gateway a second",
    "check_postgres_ms": "head check: ms of PostgreSQL a second",
    "rest_ms": "the same with heartbeats: ms of the gateway a second",
}


class Stand:
    """A version with everything open: shops, a crowd at each resting gateway, tills that ack."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._keys: list[str] = []
        self._crowds: list[Crowd] = []
        self._tills = Tills()
        self._acking = [f"acking-{number}" for number in range(ACKING_SHOPS)]

    async def open(self, program: Path) -> None:
        """Start pods, bring everybody in."""
        await self.version.start()
        self._api = await self.version.pod("api")
        self._checks = await self.version.pod("gateway", HEARTBEAT_SECONDS=NO_HEARTBEATS)
        self._rests = await self.version.pod("gateway")
        self._hears = await self.version.pod("gateway", HEARTBEAT_SECONDS=NO_HEARTBEATS)
        self._keys = await asyncio.to_thread(self.version.open_shops, self._api, CONNECTIONS)
        for name, pod in (("checked", self._checks), ("resting", self._rests)):
            await self._seat(program, name, pod)
        seats = await self.version.seat(self._acking, ACKING_TILLS)
        # Orders that nobody acks are to be orders here, and no alarms.
        await self.version.silence()
        self._tills = await Tills.open(self._hears.url, seats)

    async def _seat(self, program: Path, name: str, pod: Pod) -> None:
        tenants = [f"{name}-{number}" for number in range(RESTING_SHOPS)]
        seats = [
            f'/ws/pos/{tenant}\tAuthorization: Bearer {key}\t\t"type":"hello"'
            for tenant, key in await self.version.seat(tenants, RESTING_TILLS)
        ]
        crowd = await Crowd.start(program, pod.port, seats)
        self._crowds.append(crowd)
        opened = await crowd.ask("open")
        if opened["opened"] != len(seats):
            raise CannotStart(f"{pod.name}: {opened}")

    async def close(self) -> None:
        """End all of it."""
        await self._tills.close()
        for crowd in self._crowds:
            await crowd.stop()
        await self.version.stop()

    async def orders(self, seconds: float) -> dict[str, float]:
        """Put orders on the API pod."""
        api, postgres = cpu_seconds(self._api.pid), self.version.postgres_seconds()
        load = await post(self._api.port, PATH, self._keys, ORDER, seconds=seconds)
        api, postgres = cpu_seconds(self._api.pid) - api, self.version.postgres_seconds() - postgres
        return {
            "orders_per_second": load.placed_per_second,
            "order_us": api / load.answers * 1e6,
            "order_postgres_us": postgres / load.answers * 1e6,
        }

    async def acks(self) -> dict[str, float]:
        """Let every till ack order after order; what the gateway and PostgreSQL do anyway is taken off."""
        await self.version.place(self._acking, ACKS)
        await self._tills.have(ACKS)
        await asyncio.sleep(SETTLE_SECONDS)
        resting = self._marks()
        await asyncio.sleep(ACKS * ACK_PAUSE_SECONDS)
        busy = self._marks()
        acked = 0
        for _ in range(ACKS):
            pause = asyncio.create_task(asyncio.sleep(ACK_PAUSE_SECONDS))
            acked += await self._tills.ack()
            await pause
        after = self._marks()
        own, postgres = (
            (last - middle) - (middle - first)
            for first, middle, last in zip(resting, busy, after, strict=True)
        )
        return {"ack_us": own / acked * 1e6, "ack_postgres_us": postgres / acked * 1e6}

    def _marks(self) -> tuple[float, float]:
        return cpu_seconds(self._hears.pid), self.version.postgres_seconds()

    def rest(self, seconds: float) -> Callable[[], dict[str, float]]:
        """Begin to watch the gateways at rest; the answer tells what `seconds` later was used in one of them."""
        checks, rests = cpu_seconds(self._checks.pid), cpu_seconds(self._rests.pid)
        postgres = self.version.postgres_seconds()

        def end() -> dict[str, float]:
            return {
                "check_ms": (cpu_seconds(self._checks.pid) - checks) / seconds * 1e3,
                "rest_ms": (cpu_seconds(self._rests.pid) - rests) / seconds * 1e3,
                # Three gateways ask.
                "check_postgres_ms": (self.version.postgres_seconds() - postgres) / seconds / 3 * 1e3,
            }

        return end


async def measure(tree: Path, turns: int, seconds: float) -> list[Turn]:
    """Measure both versions, `turns` times each.

    Raises:
        CannotStart: a server, a pod or the other tree is not as it should be.
    """
    found: list[Turn] = []
    async with contextlib.AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        program = await build("loadclient", folder)
        stands = [Stand(Version("this", ROOT)), Stand(Version(tree.name, tree))]
        for stand in stands:
            closing.push_async_callback(stand.close)
            await stand.open(program)
        # The first ones pay for more than themselves.
        for stand in stands:
            await stand.orders(seconds / 2)
        for turn in range(turns):
            figures: dict[str, dict[str, float]] = {}
            watch = Watch()
            for stand in stands if turn % 2 else reversed(stands):
                figures[stand.version.name] = {**await stand.orders(seconds), **await stand.acks()}
            await asyncio.sleep(SETTLE_SECONDS)
            ends = [(stand.version.name, stand.rest(seconds)) for stand in stands]
            await asyncio.sleep(seconds)
            for name, end in ends:
                figures[name] |= end()
            disturbed = watch.read().disturbed
            for name, figure in figures.items():
                found.append(Turn(name, turn, disturbed=disturbed, **figure))
                print(f"turn {turn + 1}: {name}: " + ", ".join(f"{k} {v:.1f}" for k, v in figure.items()))
    return found


def table(turns: Sequence[Turn], other: str) -> str:
    """Medians of both, and the median of the turns' ratios."""
    rows = []
    for field, name in NAMES.items():
        here, there = (
            [getattr(turn, field) for turn in turns if turn.version == version] for version in ("this", other)
        )
        ratios = [mine / theirs for mine, theirs in zip(here, there, strict=True)]
        rows.append([
            name,
            f"{statistics.median(there):.1f}",
            f"{statistics.median(here):.1f}",
            f"**{statistics.median(ratios):.2f}**",
            f"{min(ratios):.2f}–{max(ratios):.2f}",
        ])  # fmt: skip
    disturbed = sum(turn.disturbed for turn in turns) // 2
    note = f"{len(turns) // 2} turns, {disturbed} of them disturbed."
    return markdown(["", other, "this", "this : that", "spread"], rows) + f"\n\n{note}\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="the other version's checkout, with its .venv")
    parser.add_argument("--turns", type=int, default=6, help="of each (6)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of orders, and of rest, in a turn (8)")
    words = parser.parse_args()
    raise_on_signals()
    with contextlib.suppress(Stopped):
        turns = asyncio.run(measure(words.tree.resolve(), words.turns, words.seconds))
        text = table(turns, words.tree.resolve().name)
        print(f"\n{text}\nwritten to {write_json('beside', turns)} and {write_text('beside', text)}")


if __name__ == "__main__":
    main()
