"""A crowd of SDK tills through kills and cuts: each handled every event once, in order, by its own record.

`--tills` and `--kills` make it bigger; the figures that it prints are for docs/performance.md, and none is judged by a
clock: of the pauses that tills drew after a cut, how they are spread.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bellwire_terminal import FileCursor, Terminal
from infra.local.cluster import Cluster
from tests.sdk.gate import Gate
from tests.shop import Operator, Shop, bearer

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

TILLS_A_SHOP = 25
SECONDS = 300.0
PAUSE_SECONDS = 3.0
CUT = "1006"
WHOLE_SECONDS = 90.0


@dataclass
class Till:
    """One till's record, and the pauses that it drew after cuts; `back` is how long each way back to live took.

    `faults` is what was done to the cluster, `whys` why the till had to wait.
    """

    shop: Shop
    key: str
    cursor: Path
    faults: list[str]
    whys: Counter[str]
    record: list[str] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)
    back: list[tuple[str, float]] = field(default_factory=list)
    lost_at: tuple[str, float] | None = None

    def on_state(self, state: Any) -> None:
        """Note when it was lost, and when it is live again."""
        if state["state"] == "offline":
            self.lost_at = (self.faults[-1] if self.faults else "nothing", time.monotonic())
        elif state["state"] == "live" and self.lost_at is not None:
            fault, at = self.lost_at
            self.back.append((fault, time.monotonic() - at))
            self.lost_at = None

    def on_report(self, report: Any) -> None:
        """Note each pause after a cut, and why there was one."""
        if report["kind"] == "wait":
            self.whys[report["why"]] += 1
            if report["why"] == CUT:
                self.pauses.append(report["ms"])

    async def run(self, url: str) -> None:
        """Handle until it is cancelled."""
        watching: dict[str, Any] = {"on_state": self.on_state, "on_report": self.on_report}
        async with Terminal(
            url, self.shop.slug, self.key, cursor=FileCursor(self.cursor), **watching
        ) as terminal:
            async for event in terminal:
                self.record.append(event.offset)


async def insist(shop: Shop) -> str:
    """Place an order, however often it takes; returns its offset."""
    key = str(uuid.uuid4())
    while True:
        try:
            answer = await shop.try_order(idempotency_key=key)
        except httpx.HTTPError:
            await asyncio.sleep(0.2)
            continue
        if answer.status_code == 201:
            return str(answer.json()["offset"])
        await asyncio.sleep(0.2)


async def whole(town: Cluster) -> None:
    """Wait until the balancer has all pods again: the figures are of one fault, and not of the start of a pod."""
    balancer = town.load_balancer
    assert balancer is not None
    async with asyncio.timeout(WHOLE_SECONDS):
        while not await asyncio.to_thread(balancer.all_up):
            await asyncio.sleep(0.2)


async def log_of(shop: Shop) -> list[str]:
    """Every offset of a shop's log, as a terminal of its own reads it."""
    terminal = await shop.add_terminal("reader")
    offsets: list[str] = []
    after = "0"
    while True:
        query = {"after": after, "limit": "100"}
        page = (await shop.http.get(shop.path("events"), params=query, headers=bearer(terminal.key))).json()
        offsets += [event["offset"] for event in page["events"]]
        after = page["offset"]
        if not page["more"]:
            return offsets


async def test_a_crowd_through_kills_and_cuts_handles_every_event_once_in_order(
    town: Cluster, counter: httpx.AsyncClient, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tills_wanted: int = request.config.getoption("--tills") or 50
    kills: int = request.config.getoption("--kills") or 5
    chance = random.Random(request.config.getoption("--seed") or 16)
    operator = Operator(counter, town.operator_key)
    gate = Gate(town.url)
    await gate.open()
    shops: list[Shop] = []
    tills: list[Till] = []
    faults: list[str] = []
    whys: Counter[str] = Counter()
    for _ in range(-(-tills_wanted // TILLS_A_SHOP)):
        shop = await operator.open_shop(f"crowd-{uuid.uuid4().hex[:10]}")
        shops.append(shop)
        for number in range(min(TILLS_A_SHOP, tills_wanted - len(tills))):
            key = (await shop.add_terminal(f"till-{number}")).key
            tills.append(Till(shop, key, tmp_path / f"{len(tills)}.cursor", faults, whys))
    running = [asyncio.create_task(till.run(gate.url)) for till in tills]
    placed = 0
    over = asyncio.Event()

    async def customers() -> None:
        nonlocal placed
        while not over.is_set():
            await insist(chance.choice(shops))
            placed += 1
            await asyncio.sleep(0.05)

    ordering = asyncio.create_task(customers())
    for _ in range(kills):
        await asyncio.sleep(PAUSE_SECONDS)
        await whole(town)
        fault = chance.choice(["gateway", "gateway", "api", "valkey", "network"])
        faults.append(fault)
        if fault == "gateway":
            chance.choice(town.gateways).kill()
        elif fault == "api":
            town.apis[0].kill()
        elif fault == "network":
            gate.cut()
        else:
            assert town.valkey is not None
            await asyncio.to_thread(town.valkey.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(town.valkey.start)
    await asyncio.sleep(PAUSE_SECONDS)
    over.set()
    await ordering
    for shop in shops:
        await insist(shop)
    logs = {shop.slug: await log_of(shop) for shop in shops}
    async with asyncio.timeout(SECONDS):
        while any(till.record[-1:] != logs[till.shop.slug][-1:] for till in tills):
            assert not any(task.done() for task in running), [task for task in running if task.done()]
            await asyncio.sleep(0.2)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await gate.close()
    for till in tills:
        assert till.record == logs[till.shop.slug]
    pauses = [pause for till in tills for pause in till.pauses]
    buckets = Counter(pause // 100 for pause in pauses if pause < 2_000)
    fullest = max(buckets.values(), default=0) / max(1, sum(buckets.values()))
    print(
        f"\n{len(tills)} tills, {placed} orders, {dict(Counter(faults))}: "
        f"{sum(len(till.record) for till in tills)} deliveries; "
        f"{len(pauses)} pauses after cuts, fullest tenth of a second {fullest:.1%}; waits: {dict(whys)}"
    )
    for fault in sorted(set(faults)):
        back = sorted(seconds for till in tills for kind, seconds in till.back if kind == fault)
        if back:
            p50, p99 = back[len(back) // 2], back[int(len(back) * 0.99)]
            print(f"{fault}: {len(back)} back to live, p50 {p50:.2f} s, p99 {p99:.2f} s")
    if sum(buckets.values()) >= 300:
        assert fullest <= 0.15
