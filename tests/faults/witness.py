"""A till that reads all the time and notes what came and how late; and orders that flow while something breaks.

The verdict is the same for every fault: each order was answered with 201, and every till holds exactly the log.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from infra.local.pods import Pod
from tests.gateway.till import socket_url
from tests.shop import Shop, bearer

WAIT_SECONDS = 30.0
SILENCE_SECONDS = 0.3


class Witness:
    """One connection. `offsets` in the order in which they came; `delays` from commit to here, in seconds."""

    def __init__(self, socket: ClientConnection, shop: Shop) -> None:
        self.shop = shop
        self.offsets: list[str] = []
        self.delays: list[float] = []
        self.others: list[str] = []
        self._socket = socket
        self._came = asyncio.Condition()

    async def read(self) -> None:
        """Note everything; ends with the connection."""
        async for text in self._socket:
            message = json.loads(text)
            if "data" in message:
                assert message["tenant"] == self.shop.slug
                committed = datetime.fromisoformat(message["timestamp"])
                self.delays.append((datetime.now(UTC) - committed).total_seconds())
                self.offsets.append(message["offset"])
            else:
                self.others.append(message["type"])
            async with self._came:
                self._came.notify_all()

    async def has(self, count: int) -> None:
        """Wait until so many events came."""
        async with asyncio.timeout(WAIT_SECONDS), self._came:
            await self._came.wait_for(lambda: len(self.offsets) >= count)


@asynccontextmanager
async def witness(pod: Pod, shop: Shop, key: str) -> AsyncIterator[Witness]:
    """A till that reads until the end of the block, and whose connection must live that long."""
    url = socket_url(pod, shop.slug, "?after=0")
    async with connect(url, additional_headers=bearer(key), compression=None, proxy=None) as socket:
        seen = Witness(socket, shop)
        reading = asyncio.create_task(seen.read())
        try:
            yield seen
            assert not reading.done(), "the connection was lost"
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def witnesses(pods: Iterable[Pod], shops: Iterable[Shop]) -> AsyncIterator[list[Witness]]:
    """A till of each shop at each gateway."""
    async with AsyncExitStack() as stack:
        found = []
        stores = list(shops)
        for pod in pods:
            for shop in stores:
                # A terminal has one connection: a second till needs a second terminal.
                terminal = await shop.add_terminal(f"till {len(shop.terminals)}")
                found.append(await stack.enter_async_context(witness(pod, shop, terminal.key)))
        yield found


class Flow:
    """Orders to some shops at once; in each, the next follows a pause behind the last one's answer."""

    def __init__(self, shops: Iterable[Shop], pause: float) -> None:
        self._shops = list(shops)
        self._pause = pause
        self._stop = asyncio.Event()
        self.answers: list[int] = []
        self.accepted: dict[str, list[str]] = {shop.slug: [] for shop in self._shops}

    async def order(self, shop: Shop) -> None:
        """Place one."""
        answer = await shop.try_order(customerName=f"Guest {len(self.answers)}")
        self.answers.append(answer.status_code)
        if answer.status_code == 201:
            self.accepted[shop.slug].append(answer.json()["offset"])

    async def run(self) -> None:
        """Place orders until `stop`."""
        async with asyncio.TaskGroup() as group:
            for shop in self._shops:
                group.create_task(self._run(shop))

    def stop(self) -> None:
        """Let the last orders be the last."""
        self._stop.set()

    async def _run(self, shop: Shop) -> None:
        while not self._stop.is_set():
            await self.order(shop)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._stop.wait()


@asynccontextmanager
async def orders_to(shops: Iterable[Shop], pause: float = 0.03) -> AsyncIterator[Flow]:
    """Orders flow during the block; every one of them must be answered with 201."""
    flow = Flow(shops, pause)
    running = asyncio.create_task(flow.run())
    try:
        yield flow
    finally:
        flow.stop()
        await running
    assert set(flow.answers) == {201}, flow.answers


async def judge(flow: Flow, tills: Iterable[Witness]) -> dict[str, Any]:
    """Every till holds exactly the log, and the log exactly what was accepted. Returns what it measured."""
    logs: dict[str, list[str]] = {}
    delays: list[float] = []
    seen = list(tills)
    for till in seen:
        shop = till.shop
        if shop.slug not in logs:
            logs[shop.slug] = [event["offset"] for event in await shop.events()]
            assert logs[shop.slug] == [f"1-{number}" for number in range(1, len(logs[shop.slug]) + 1)]
            assert set(flow.accepted[shop.slug]) <= set(logs[shop.slug])
        await till.has(len(logs[shop.slug]))
    await asyncio.sleep(SILENCE_SECONDS)
    for till in seen:
        assert till.offsets == logs[till.shop.slug]
        assert "reset" not in till.others
        delays += till.delays
    delays.sort()
    return {
        "orders": len(flow.answers),
        "p50": round(delays[len(delays) // 2], 3),
        "p99": round(delays[len(delays) * 99 // 100], 3),
        "max": round(delays[-1], 3),
    }
