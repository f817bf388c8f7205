"""A shop at work beside strangers: its tills see no 429, and all its orders are served.

The load balancer has the limits that it is shipped with. `STRANGERS_SECONDS=180` makes each run three minutes long.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from infra.local.haproxy import HAProxy
from tests.conftest import ROOT
from tests.endtoend.conftest import Town
from tests.endtoend.strangers import ADDRESSES, REQUESTS_A_SECOND
from tests.gateway.till import Till
from tests.shop import ORDER, bearer

SECONDS = float(os.environ.get("STRANGERS_SECONDS", "12"))
ORDERS_A_SECOND = 5
# Fewer would be no day, and no strangers.
ORDERS, HELD = 5, 500

pytestmark = [pytest.mark.long, pytest.mark.timeout(120 + 4 * SECONDS)]


@pytest.fixture(scope="module")
def door(town: Town) -> Iterator[HAProxy]:
    """A load balancer as it is shipped, before the town's pods."""
    cluster = town.cluster
    apis, gateways = (
        [pod.url.removeprefix("http://") for pod in pods] for pods in (cluster.apis, cluster.gateways)
    )
    balancer = HAProxy(apis=apis, gateways=gateways, settings={"LB_HSTS_SECONDS": "0"})
    balancer.start()
    yield balancer
    balancer.stop()


@contextlib.asynccontextmanager
async def strangers(door: HAProxy, tenant: str, way: str) -> AsyncIterator[list[dict[str, int]]]:
    """While they are there; in the list is in the end what they were answered."""
    command = ["nice", "-n", "10", sys.executable, "-m", "tests.endtoend.strangers"]
    process = await asyncio.create_subprocess_exec(
        *command, str(door.port), tenant, str(SECONDS), way, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    told: list[dict[str, int]] = []
    try:
        yield told
        said, _ = await process.communicate()
        told.append(json.loads(said))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Work:
    """The answers that the shop got, and what its tills saw."""

    def __init__(self, door: HAProxy, town: Town) -> None:
        self.url = door.url
        self.town = town
        self.statuses: Counter[int] = Counter()
        self.placed: list[str] = []
        self.handshakes = 0
        self.start = "0"
        self.sold = asyncio.Event()

    async def sell(self, until: float) -> None:
        """Place orders, one after another, at a steady rate; a slow machine takes longer for the least of them."""
        began, shop = time.monotonic(), self.town.kitchen
        async with httpx.AsyncClient(base_url=self.url, timeout=15, trust_env=False) as http:
            while time.monotonic() < until or len(self.placed) < ORDERS:
                headers = {**bearer(shop.storefront_key), "Idempotency-Key": uuid.uuid4().hex}
                answer = await http.post("/api/tenant/orders/create", json=ORDER, headers=headers)
                self.statuses[answer.status_code] += 1
                self.placed.append(answer.json()["offset"])
                await asyncio.sleep(began + len(self.placed) / ORDERS_A_SECOND - time.monotonic())
        self.sold.set()

    async def look(self, number: int, until: float, address: str | None) -> None:
        """A till's other requests, a new connection each time."""
        key = self.town.kitchen.terminals[number].key
        transport = httpx.AsyncHTTPTransport(local_address=address)
        while time.monotonic() < until:
            async with httpx.AsyncClient(base_url=self.url, timeout=15, transport=transport) as http:
                self.statuses[(await http.get("/api/whoami", headers=bearer(key))).status_code] += 1
            transport = httpx.AsyncHTTPTransport(local_address=address)
            await asyncio.sleep(0.5)

    async def watch(self, number: int, until: float, address: str | None) -> Till:
        """A till that connects anew every two seconds, and has all events in the end."""
        shop = self.town.kitchen
        after = self.start
        seen: Till | None = None
        place: dict[str, Any] = {} if address is None else {"local_addr": (address, 0)}
        while True:
            url = f"{self.url.replace('http', 'ws', 1)}/ws/pos/{shop.slug}?after={after}"
            headers = bearer(shop.terminals[number].key)
            async with connect(
                url, additional_headers=headers, compression=None, proxy=None, open_timeout=15, **place
            ) as socket:
                till = Till(socket)
                if seen is not None:
                    till.events = seen.events
                self.handshakes += 1
                over = time.monotonic() >= until
                await till.until("caught_up")
                if over:
                    await self.sold.wait()
                    await till.has(len(self.placed))
                    return till
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        while True:
                            await till.next()
            seen = till
            after = till.offsets[-1] if till.offsets else after

    async def day(self, last_till_at: str | None) -> list[Till]:
        """Sell and watch while the strangers are there; the last till may stand behind one of their addresses."""
        shop = self.town.kitchen
        async with httpx.AsyncClient(base_url=self.url, timeout=15, trust_env=False) as http:
            status = await http.get(f"/api/tenant/{shop.slug}/status", headers=bearer(shop.storefront_key))
        self.start = status.json()["head"]
        until = time.monotonic() + SECONDS
        homes = [None] * (len(shop.terminals) - 1) + [last_till_at]
        async with asyncio.TaskGroup() as group:
            group.create_task(self.sell(until))
            for number, address in enumerate(homes):
                group.create_task(self.look(number, until, address))
            tills = [
                group.create_task(self.watch(number, until, address)) for number, address in enumerate(homes)
            ]
        return [till.result() for till in tills]


async def served(work: Work, last_till_at: str | None = None) -> None:
    """Work for as long as the strangers are there, and be served."""
    tills = await work.day(last_till_at)
    assert set(work.statuses) == {200, 201}
    assert len(work.placed) >= ORDERS
    for till in tills:
        assert till.offsets == work.placed
    # Each came at the begin, and again when it was over.
    assert work.handshakes >= 2 * len(tills)


async def test_strangers_who_ask_hundreds_of_times_a_second_take_nothing_of_a_shop(
    town: Town, door: HAProxy
) -> None:
    work = Work(door, town)
    async with strangers(door, town.kitchen.slug, "requests") as told:
        await served(work, ADDRESSES[0])
    (answers,) = told
    print(f"\nrequests: {dict(work.statuses)}, {work.handshakes} handshakes; strangers: {answers}")
    # They asked all that was meant, however long it took, and were refused: pages by a Close frame behind the 101.
    answers.pop("seconds")
    assert sum(answers.values()) == int(SECONDS * REQUESTS_A_SECOND)
    assert set(answers) <= {"101", "401", "429", "cut"}


async def test_strangers_who_hold_thousands_of_half_requests_take_nothing_of_a_shop(
    town: Town, door: HAProxy
) -> None:
    work = Work(door, town)
    async with strangers(door, town.kitchen.slug, "heads") as told:
        await served(work)
    (answers,) = told
    print(f"\nheads: {dict(work.statuses)}, {work.handshakes} handshakes; strangers: {answers}")
    assert answers["most"] >= HELD
