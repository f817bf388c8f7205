"""A process with Redis' password and without the secret may write there as it likes: tills see the log alone."""

import asyncio
import json
import sys
from typing import Any

import pytest

from infra.local.counters import read_total
from infra.local.pods import Pod
from tests.conftest import ROOT
from tests.forgery.conftest import Scene
from tests.gateway.till import Till, open_till
from tests.shop import Shop

KINDS = 17
pytestmark = pytest.mark.timeout(300)


async def read_to(pod: Pod, shop: Shop, key: str, head: str) -> list[dict[str, Any]]:
    """Everything that a till is sent which has nothing yet, up to an offset at least."""
    async with open_till(pod, shop.slug, key, "?after=0") as till:
        while not till.events or not reached(till, head):
            await till.next()
        return till.events


def reached(till: Till, head: str) -> bool:
    return int(till.offsets[-1].split("-")[1]) >= int(head.split("-")[1])


async def place_until(ended: asyncio.Event, shop: Shop, other: Shop) -> list[str]:
    """True orders all the while."""
    offsets: list[str] = []
    while not ended.is_set():
        offsets.append((await shop.order(customerName=f"Guest {len(offsets)}"))["offset"])
        await other.order(customerName="Guest of another shop")
        await asyncio.sleep(0.02)
    return offsets


async def come_back_until(ended: asyncio.Event, scene: Scene, shop: Shop, key: str) -> list[dict[str, Any]]:
    """All that a till was shown which comes with nothing, again and again, now here and now there."""
    shown, turn = [], 0
    while not ended.is_set():
        shown += await read_to(scene.gateways[turn % 2], shop, key, "1-5")
        turn += 1
    return shown


async def run_forger(scene: Scene, shop: Shop, other: Shop, tries: int) -> dict[str, int]:
    """Let it make its tries, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.forgery.forger",
        scene.redis_url,
        shop.slug,
        other.slug,
        str(tries),
        "7",
    ]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    assert child.returncode == 0
    tried: dict[str, int] = json.loads(said.decode().splitlines()[-1])
    return tried


async def test_of_thousands_of_forgeries_none_is_shown_and_every_order_is(
    scene: Scene, pytestconfig: pytest.Config
) -> None:
    tries: int = pytestconfig.getoption("--forgeries")
    shop, other = await scene.operator.open_shop(), await scene.operator.open_shop()
    keys = [(await shop.add_terminal(name)).key for name in ("one", "two", "cold")]
    for _ in range(6):
        await shop.order(customerName="Guest")
        await other.order(customerName="Guest")
    ended = asyncio.Event()
    async with (
        open_till(scene.gateways[0], shop.slug, keys[0], "?after=0") as one,
        open_till(scene.gateways[1], shop.slug, keys[1], "?after=0") as two,
    ):

        async def listen(till: Till) -> None:
            while not (ended.is_set() and till.events and reached(till, last)):
                await till.next()

        last = "1-999999999"
        async with asyncio.TaskGroup() as tasks:
            for till in (one, two):
                tasks.create_task(listen(till))
            placing = tasks.create_task(place_until(ended, shop, other))
            cold = tasks.create_task(come_back_until(ended, scene, shop, keys[2]))
            tried = await run_forger(scene, shop, other, tries)
            ended.set()
            placed = await placing
            # One more is due to everybody, by whichever way.
            last = (await shop.order(customerName="Guest, the last"))["offset"]
    logged = await shop.events()
    known = {json.dumps(event) for event in logged}
    # Behind that one may stand alarms, which come by themselves.
    logged = logged[: [event["offset"] for event in logged].index(last) + 1]
    assert set(placed) <= {event["offset"] for event in logged}
    # Each byte: an event is a JSON object, and its members have their order.
    assert json.dumps(one.events[: len(logged)]) == json.dumps(logged)
    assert json.dumps(two.events[: len(logged)]) == json.dumps(logged)
    shown = cold.result()
    assert shown
    assert [event for event in shown if json.dumps(event) not in known] == []
    for pod in scene.gateways:
        read = await read_to(pod, shop, keys[2], last)
        assert json.dumps(read[: len(logged)]) == json.dumps(logged)
    assert sum(tried.values()) == tries
    assert len(tried) == KINDS, tried
    urls = [pod.url for pod in scene.gateways]
    assert read_total(urls, "bellwire_redis_refused_total", way="live", reason="wrong") > tries / 5
    assert read_total(urls, "bellwire_redis_refused_total", way="stream", reason="wrong") > 0
    told = [line for line in scene.log if "redis.refused" in line]
    assert told
    assert "change its password" in told[0]
    # Of each gateway at most once a minute and way, though there were thousands.
    assert len(told) < 40
