"""Ordinary shops at work: tills that stay connected, orders that come in, are moved on, and are looked up.

The shops' slugs are no test's, so alerts count them. All of it runs in one thread with an event loop; a fault may have
shops not ack, or every till leave. Failures of requests are told to nobody: a fault makes them.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable
from functools import partial

import httpx

from drill.till import Door, Till
from infra.local.shops import Shop, open_shop

SHOPS = 6
# More than twenty in all: fewer lost terminals are no alert.
DOORS: tuple[Door, ...] = ("websocket", "websocket", "websocket", "websocket", "sse", "polling")
ORDERS_A_SECOND = 4.0
ORDER_SECONDS = 10.0
ORDER = {
    "orderType": "pickup",
    "customerName": "Ada",
    "customerPhone": "+12025550123",
    "items": [{"name": "Margherita", "quantity": 2, "unitPrice": 9.5}],
}


class Traffic:
    """`open` makes the shops, `start` begins, `stop` ends it."""

    def __init__(self) -> None:
        # Slugs of shops whose tills see orders and ack none.
        self.silent: set[str] = set()
        self.shops: list[Shop] = []
        self._url = ""
        self._operator_key = ""
        self._tills: list[Till] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stays = asyncio.Event()
        self._ending = asyncio.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="traffic", daemon=True)

    @property
    def all_connected(self) -> bool:
        return all(till.connected for till in self._tills)

    def open(self, url: str, operator_key: str) -> None:
        """Make the shops and their terminals.

        Raises:
            CannotStart: the API said no.
        """
        self._url, self._operator_key = url, operator_key
        names = tuple(f"till-{number}" for number in range(1, len(DOORS) + 1))
        with self.operator() as client:
            for number in range(1, SHOPS + 1):
                self.shops.append(open_shop(client, f"shop-{number}", f"Shop {number}", names))

    def operator(self) -> httpx.Client:
        """A client of the API with the operator's key."""
        headers = {"Authorization": f"Bearer {self._operator_key}"}
        return httpx.Client(base_url=self._url, headers=headers, timeout=30.0, trust_env=False)

    def start(self) -> None:
        """Begin, and go on until `stop`."""
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """End all of it; a second call does nothing."""
        if self._thread.is_alive():
            self._do(self._ending.set)
            self._thread.join(30)

    def leave(self) -> None:
        """Every till closes its connection, and stays away."""
        self._do(self._stays.clear)

    def come_back(self) -> None:
        """Every till connects again."""
        self._do(self._stays.set)

    def _do(self, act: Callable[[], None]) -> None:
        assert self._loop is not None, "it was not started"
        self._loop.call_soon_threadsafe(act)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stays.set()
        work = asyncio.create_task(self._work())
        self._begun.set()
        await self._ending.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    async def _work(self) -> None:
        limits = httpx.Limits(max_connections=None)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=ORDER_SECONDS, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            for shop in self.shops:
                for terminal, door in zip(shop.terminals, DOORS, strict=True):
                    till = Till(
                        self._url, shop.slug, terminal.key, door, partial(self._acks, shop.slug), self._stays
                    )
                    self._tills.append(till)
                    group.create_task(till.run(client))
            await self._orders(client, group)

    def _acks(self, slug: str) -> bool:
        """Whether a shop's tills ack at this moment."""
        return slug not in self.silent

    async def _orders(self, client: httpx.AsyncClient, group: asyncio.TaskGroup) -> None:
        for shop in itertools.cycle(self.shops):
            group.create_task(self._order(client, shop))
            await asyncio.sleep(1 / ORDERS_A_SECOND)

    async def _order(self, client: httpx.AsyncClient, shop: Shop) -> None:
        """An order, a step of it, and a look at the shop; whichever fails ends it."""
        store = {"Authorization": f"Bearer {shop.storefront_key}"}
        with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
            answer = await client.post(f"{self._url}/api/tenant/orders/create", json=ORDER, headers=store)
            place = f"{self._url}/api/tenant/{shop.slug}"
            await client.get(f"{place}/status", headers=store)
            if shop.slug in self.silent:
                return
            # Once a till had the time to see it.
            await asyncio.sleep(2.0)
            if not self._stays.is_set():
                return
            path = f"{place}/orders/{answer.json()['orderId']}/status"
            await client.patch(path, json={"status": "preparing"}, headers=store)
