"""A crowd of SDK tills through kills and cuts: each handled every event once, in order, by its own record.

`--tills`, `--javascript` and `--kills` make it bigger; the figures that it prints are for docs/performance.md, and none
is judged by a clock: of the pauses that tills drew after a cut, how they are spread.
"""

import asyncio
import random
import resource
import uuid
from collections import Counter
from pathlib import Path

import httpx
import pytest

from infra.local.cluster import Cluster
from tests.sdk.crowd import Faults, Till, begin, fullest_tenth
from tests.sdk.gate import Gate
from tests.shop import Operator, Shop, bearer

pytestmark = pytest.mark.timeout(1800)

TILLS, SCRIPTED, KILLS = 12, 12, 5
TILLS_A_SHOP = 25
SECONDS = 300.0
PAUSE_SECONDS = 1.0
# Streams that lived shorter come back later: so long between two faults, and the figures are of one.
STEADY_SECONDS = 6.0
AWAY_SECONDS = 1.0
WHOLE_SECONDS = 120.0
FAULTS = ("gateway", "valkey", "api", "balancer", "network")
# So many pauses, and a share that is too big is no chance any more.
ENOUGH_PAUSES = 300


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


async def whole(town: Cluster, tills: list[Till]) -> None:
    """Wait until the balancer has all pods and all tills are live: figures are of one fault, not of a pod's start."""
    balancer = town.own_load_balancer
    async with asyncio.timeout(WHOLE_SECONDS):
        while any(till.lost_at is not None for till in tills) or not await asyncio.to_thread(balancer.all_up):
            await asyncio.sleep(0.2)


async def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def do(fault: str, town: Cluster, gate: Gate, chance: random.Random) -> None:
    """Break something; what does not come back by itself is brought back."""
    if fault == "gateway":
        chance.choice(town.gateways).kill()
    elif fault == "api":
        town.apis[0].kill()
    elif fault == "network":
        gate.leave()
        await asyncio.sleep(AWAY_SECONDS)
        await gate.open()
    elif fault == "balancer":
        # Where it is not there nothing listens: the gate must not take what it cannot pass on.
        gate.leave()
        await asyncio.to_thread(town.own_load_balancer.kill)
        starting = asyncio.create_task(asyncio.to_thread(town.own_load_balancer.start))
        while not await listens(town.own_load_balancer.port) and not starting.done():
            await asyncio.sleep(0.02)
        await gate.open()
        await starting
    else:
        await asyncio.to_thread(town.own_valkey.kill)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(town.own_valkey.start)


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


async def seated(
    operator: Operator, wanted: int, folder: Path, faults: Faults
) -> tuple[list[Shop], list[Till]]:
    """So many tills, a few shops of them."""
    shops: list[Shop] = []
    tills: list[Till] = []
    for _ in range(-(-wanted // TILLS_A_SHOP)):
        shop = await operator.open_shop(f"crowd-{uuid.uuid4().hex[:10]}")
        shops.append(shop)
        for number in range(min(TILLS_A_SHOP, wanted - len(tills))):
            key = (await shop.add_terminal(f"till-{number}")).key
            place = folder / str(len(tills))
            place.mkdir()
            tills.append(Till(shop, key, place, faults))
    return shops, tills


async def test_a_crowd_through_kills_and_cuts_handles_every_event_once_in_order(
    town: Cluster, counter: httpx.AsyncClient, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    option = request.config.getoption
    in_python, in_node = option("--tills"), option("--javascript")
    if in_python is None and in_node is None:
        in_python, in_node = TILLS, SCRIPTED
    wanted = [in_python or 0, in_node or 0]
    pause = PAUSE_SECONDS if sum(wanted) <= TILLS + SCRIPTED else STEADY_SECONDS
    kills: int = option("--kills") or KILLS
    seed = option("--seed") or random.randrange(1_000_000)
    chance = random.Random(seed)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    faults = Faults()
    gate = Gate(town.url)
    await gate.open()
    shops, tills = await seated(Operator(counter, town.operator_key), sum(wanted), tmp_path, faults)
    chance.shuffle(tills)
    running = begin(tills[: wanted[0]], tills[wanted[0] :], gate.url)
    placed = 0
    over = asyncio.Event()

    async def customers() -> None:
        nonlocal placed
        while not over.is_set():
            await insist(chance.choice(shops))
            placed += 1
            await asyncio.sleep(0.05)

    def all_run() -> None:
        ended = [task for task in running if task.done()]
        assert not ended, ended

    async with asyncio.timeout(SECONDS):
        # Everybody has handled something before the first fault.
        for shop in shops:
            await insist(shop)
        while not all(till.record() for till in tills):
            all_run()
            await asyncio.sleep(0.2)
    ordering = asyncio.create_task(customers())
    # Each kind once before any comes again.
    for number in range(kills):
        await whole(town, tills)
        await asyncio.sleep(pause)
        if number % len(FAULTS) == 0:
            kinds = chance.sample(FAULTS, len(FAULTS))
        faults.begin(kinds[number % len(FAULTS)])
        await do(kinds[number % len(FAULTS)], town, gate, chance)
    await asyncio.sleep(pause)
    over.set()
    await ordering
    for shop in shops:
        await insist(shop)
    logs = {shop.slug: await log_of(shop) for shop in shops}
    async with asyncio.timeout(SECONDS):
        while not all(logs[till.shop.slug][-1] in till.record() for till in tills):
            all_run()
            await asyncio.sleep(1)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await gate.close()
    for till in tills:
        log = logs[till.shop.slug]
        # An alarm may have followed since the log was read.
        assert till.record()[: len(log)] == log, f"seed {seed}"
        assert len(set(till.record())) == len(till.record()), f"seed {seed}"
    print(f"\nseed {seed}, {wanted[0]} tills in Python, {wanted[1]} in JavaScript, {placed} orders")
    print(figures(tills, faults))
    pauses = [pause for till in tills for _, pause in till.pauses]
    if len(pauses) >= ENOUGH_PAUSES:
        assert fullest_tenth(pauses) <= 0.15


def figures(tills: list[Till], faults: Faults) -> str:
    """A line a kind of fault."""
    whys = sum((till.whys for till in tills), Counter[str]())
    lines = [f"{sum(len(till.record()) for till in tills)} deliveries; waits: {dict(whys.most_common(8))}"]
    for kind in FAULTS:
        pauses = [pause for till in tills for after, pause in till.pauses if after == kind]
        ways = sorted(
            (seconds, waits) for till in tills for after, seconds, waits in till.back if after == kind
        )
        back = [seconds for seconds, _ in ways]
        line = f"{kind}, {sum(one == kind for one, _ in faults.done)} times: {len(back)} back to live"
        if back:
            line += f", p50 {back[len(back) // 2]:.2f} s, p99 {back[int(len(back) * 0.99)]:.2f} s"
        if pauses:
            line += f"; fullest tenth of a second of {len(pauses)} pauses {fullest_tenth(pauses):.1%}"
        lines += [line, *(f"    {seconds:.2f} s: {', '.join(waits)}" for seconds, waits in ways[:-4:-1])]
    return "\n".join(lines)
