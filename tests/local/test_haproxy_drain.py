"""A load balancer that is reloaded or leaves: nobody is refused, terminals are told when to come back."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from infra.local.cluster import LOCAL_LIMITS, Cluster
from infra.local.haproxy import HAProxy
from infra.local.plan import Plan
from infra.local.shops import Shop, open_shops
from infra.local.waiting import wait_until
from tests.shop import bearer

pytestmark = pytest.mark.timeout(240)

DRAIN_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
ORDER = {
    "orderType": "pickup",
    "customerName": "Ada",
    "items": [{"name": "Soup", "quantity": 1, "unitPrice": 4}],
}


class Town:
    """A cluster, and a load balancer of the test's own in front of it."""

    def __init__(self, cluster: Cluster, balancer: HAProxy, kitchen: Shop) -> None:
        self.cluster = cluster
        self.balancer = balancer
        self.kitchen = kitchen

    def balancer_like(self, **settings: str) -> HAProxy:
        """Another one in front of the same pods."""
        return HAProxy(
            apis=[pod.address for pod in self.cluster.apis],
            gateways=[pod.address for pod in self.cluster.gateways],
            settings={**LOCAL_LIMITS, **settings},
            reloadable=True,
        )


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    plan = Plan(api_pods=1, gateway_pods=2, load_balancer=False)
    settings = {"BELLWIRE_DRAIN_SECONDS": str(DRAIN_SECONDS), "BELLWIRE_DRAIN_NOTICE_SECONDS": "0.2"}
    with Cluster(plan, settings=settings) as cluster:
        kitchen, _ = open_shops(cluster.url, cluster.operator_key)
        town = Town(cluster, HAProxy(apis=["x"], gateways=["x"]), kitchen)
        town.balancer = town.balancer_like(LB_LEAVE_SECONDS="40", LB_LEAVE_NOTICE_SECONDS="1")
        town.balancer.start()
        try:
            yield town
        finally:
            town.balancer.stop()


class Till:
    """A terminal that comes back as it is told to, behind its last event; it keeps what it was told and what it got."""

    def __init__(self, town: Town, number: int, url: str) -> None:
        self.terminal = town.kitchen.terminals[number % len(town.kitchen.terminals)]
        self.url = f"{url.replace('http', 'ws', 1)}/ws/pos/kitchen"
        self.offsets: list[str] = []
        self.closes: list[tuple[int, str]] = []
        self.refused = 0
        self.caught_up = asyncio.Event()
        self.socket: ClientConnection | None = None

    async def live(self) -> None:
        """Until it is cancelled."""
        while True:
            after = f"?after={self.offsets[-1]}" if self.offsets else "?after=0"
            try:
                async with connect(
                    self.url + after,
                    additional_headers=bearer(self.terminal.key),
                    compression=None,
                    proxy=None,
                ) as self.socket:
                    async for text in self.socket:
                        self._take(json.loads(text))
                self._closed(*_close_of(self.socket))
            except ConnectionClosed as exc:
                self._closed(exc.rcvd.code if exc.rcvd else 1006, exc.rcvd.reason if exc.rcvd else "")
            except (OSError, InvalidHandshake):
                self.refused += 1
            wait = re.fullmatch(r"retry_ms=(\d+)", self.closes[-1][1]) if self.closes else None
            await asyncio.sleep(int(wait[1]) / 1000 if wait else 0.1)

    def _closed(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))
        self.caught_up.clear()

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "caught_up":
            self.caught_up.set()
        elif "data" in message:
            self.offsets.append(str(message["offset"]))


def _close_of(socket: ClientConnection) -> tuple[int, str]:
    return socket.close_code or 1006, socket.close_reason or ""


@contextlib.asynccontextmanager
async def tills_at(town: Town, url: str, count: int) -> AsyncIterator[list[Till]]:
    # Each terminal once: two of one name would replace each other.
    tills = [Till(town, number, url) for number in range(count)]
    tasks = [asyncio.create_task(till.live()) for till in tills]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(till.caught_up.wait() for till in tills))
        yield tills
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Storefront:
    """Places orders one after the other, each over a connection of its own; keeps what was answered."""

    def __init__(self, town: Town) -> None:
        self.offsets: list[str] = []
        self.failed: list[str] = []
        self._town = town
        self._closing = asyncio.Event()
        self._selling = asyncio.create_task(self._sell())

    async def close(self) -> None:
        """Place no more. The answer that is under way is waited for: nothing is sold that is not known here."""
        self._closing.set()
        await self._selling

    async def _sell(self) -> None:
        while not self._closing.is_set():
            try:
                async with httpx.AsyncClient(
                    base_url=self._town.balancer.url, timeout=30, trust_env=False
                ) as client:
                    answer = await client.post(
                        "/api/tenant/orders/create",
                        json=ORDER,
                        headers=bearer(self._town.kitchen.storefront_key),
                    )
                if answer.status_code == 201:
                    self.offsets.append(answer.json()["offset"])
                else:
                    self.failed.append(answer.text)
            except httpx.HTTPError as exc:
                self.failed.append(repr(exc))
            await asyncio.sleep(0.02)


async def test_a_reload_refuses_nobody_and_moves_the_terminals_each_at_its_own_moment(town: Town) -> None:
    count = len(town.kitchen.terminals)
    async with tills_at(town, town.balancer.url, count) as tills:
        storefront = Storefront(town)
        old = town.balancer.worker
        await asyncio.to_thread(town.balancer.reload)
        assert town.balancer.worker != old
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not all(till.closes and till.caught_up.is_set() for till in tills):
                await asyncio.sleep(0.05)
            await storefront.close()
        assert storefront.failed == []
        assert storefront.offsets
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(till.offsets[-1:] != storefront.offsets[-1:] for till in tills):
                await asyncio.sleep(0.05)
        for till in tills:
            assert till.refused == 0
            # By the gateway, with a slot; none was cut, and none twice.
            assert [code for code, _ in till.closes] == [1012]
            assert till.closes[0][1].startswith("retry_ms=")
            assert len(till.offsets) == len(set(till.offsets))
            assert till.offsets[-len(storefront.offsets) :] == storefront.offsets
        # Without sockets the process before has nothing left to do.
        assert await asyncio.to_thread(wait_until, lambda: not _lives(old), PATIENCE_SECONDS)


def _lives(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_one_that_leaves_says_so_and_answers_when_its_terminals_are_elsewhere(town: Town) -> None:
    other = town.balancer_like()
    await asyncio.to_thread(other.start)
    try:
        async with (
            tills_at(town, town.balancer.url, 3) as leaving,
            httpx.AsyncClient(
                base_url=town.balancer.admin_url, timeout=PATIENCE_SECONDS, trust_env=False
            ) as admin,
        ):
            assert (await admin.get("/healthz")).status_code == 200
            asked = asyncio.create_task(admin.get("/leave"))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await admin.get("/healthz")).status_code != 503:
                    await asyncio.sleep(0.05)
            # As another balancer in front, or Kubernetes, would: whoever comes back comes to another one.
            for till in leaving:
                till.url = till.url.replace(str(town.balancer.port), str(other.port))
            answer = (await asked).json()
            assert answer["left"] == 0
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not all(till.closes and till.caught_up.is_set() for till in leaving):
                    await asyncio.sleep(0.05)
            assert {code for till in leaving for code, _ in till.closes} == {1012}
            assert all(till.refused == 0 for till in leaving)
            # It still takes whoever comes all the same, and may stay after all.
            async with httpx.AsyncClient(base_url=town.balancer.url, trust_env=False, timeout=30) as client:
                assert (await client.get("/readyz")).status_code == 200
            assert (await admin.get("/stay")).status_code == 200
            assert (await admin.get("/healthz")).status_code == 200
    finally:
        await asyncio.to_thread(other.stop)


async def test_only_terminals_that_came_by_the_address_that_leaves_are_moved(town: Town) -> None:
    gateway = town.cluster.gateways[0]
    url = f"{gateway.url.replace('http', 'ws', 1)}/ws/pos/kitchen"
    here, there = town.kitchen.terminals[3:5]
    async with (
        connect(url, additional_headers=bearer(here.key), proxy=None, local_addr=("127.0.0.2", 0)) as mine,
        connect(url, additional_headers=bearer(there.key), proxy=None, local_addr=("127.0.0.3", 0)) as other,
        httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address="127.0.0.2"), timeout=30) as check,
    ):
        asked = f"{gateway.url}/readyz?for=balancer"
        for word in ("", "7", "7"):
            answer = await check.get(asked, headers={"X-Bellwire-Balancer": word})
            assert answer.status_code == 200
        # Not by what somebody says of himself.
        await check.get(asked, headers={"X-Bellwire-Balancer": "7 leaves", "X-Forwarded-For": "127.0.0.3"})
        async with asyncio.timeout(PATIENCE_SECONDS):
            await mine.wait_closed()
        assert (mine.close_code, (mine.close_reason or "")[:9]) == (1012, "retry_ms=")
        # It goes on: answered pings, a heartbeat at most.
        await asyncio.wait_for(await other.ping(), PATIENCE_SECONDS)


async def test_without_stickiness_every_promise_holds(town: Town) -> None:
    loose = town.balancer_like(LB_UNSTICKY="1")
    await asyncio.to_thread(loose.start)
    try:
        async with tills_at(town, loose.url, len(town.kitchen.terminals)) as tills:
            storefront = Storefront(town)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(storefront.offsets) < 20:
                    # They come back wherever chance leads them.
                    for till in tills:
                        if till.caught_up.is_set() and till.socket is not None:
                            till.socket.transport.abort()
                    await asyncio.sleep(0.2)
                await storefront.close()
                while any(till.offsets[-1:] != storefront.offsets[-1:] for till in tills):
                    await asyncio.sleep(0.05)
            assert storefront.failed == []
            for till in tills:
                assert till.offsets[-len(storefront.offsets) :] == storefront.offsets
                assert len(till.offsets) == len(set(till.offsets))
    finally:
        await asyncio.to_thread(loose.stop)
