"""A shop for exercises: a storefront that places orders, and tills that keep what they got and every reset.

Plain clients; what they saw is what an exercise is judged by.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException

from infra.local.shops import open_shops

PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 180.0
RETRY_SECONDS = 0.5
ABNORMAL = 1006
SLOT = re.compile(r"retry_ms=(\d+)")
ORDER = {
    "orderType": "pickup",
    "customerName": "Ada",
    "items": [{"name": "Soup", "quantity": 1, "unitPrice": 4}],
}
FAILED = (OSError, TimeoutError, InvalidHandshake, WebSocketException)


@dataclass
class Witness:
    """A till that comes back behind its last event, when it is told to; keeps what it got, resets and closes.

    A close is its moment and its code; 1006 where there was no word.
    """

    url: str
    slug: str
    key: str
    orders: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    closes: list[tuple[float, int]] = field(default_factory=list)
    position: str = "0"
    is_live: bool = False

    async def live(self) -> None:
        """Until it is cancelled."""
        while True:
            pause = RETRY_SECONDS
            address = f"{self.url.replace('http', 'ws', 1)}/ws/pos/{self.slug}?after={self.position}"
            headers = {"Authorization": f"Bearer {self.key}"}
            with contextlib.suppress(*FAILED):
                async with connect(
                    address,
                    additional_headers=headers,
                    proxy=None,
                    open_timeout=20,
                    compression=None,
                    ping_interval=None,
                ) as socket:
                    await self._listen(socket)
                    self.closes.append((time.monotonic(), socket.close_code or ABNORMAL))
                    if slot := SLOT.fullmatch(socket.close_reason or ""):
                        pause = int(slot[1]) / 1000
            self.is_live = False
            await asyncio.sleep(pause)

    async def _listen(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                message = json.loads(text)
                self._take(message)
                if message["type"] == "new_order":
                    await socket.send(json.dumps({"type": "ack", "offset": self.position}))

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "caught_up":
            self.is_live = True
        elif message["type"] == "reset":
            self.position = str(message["to"])
            self.resets.append(f"{message['reason']} to {self.position}")
        elif message["type"] == "new_order":
            self.position = str(message["offset"])
            data = message["data"]
            assert isinstance(data, dict)
            self.orders.append(str(data["orderId"]))


class Shop:
    """The kitchen of a cluster that is new. `taken`: each order that was answered with 201, and when."""

    def __init__(self, url: str, operator_key: str) -> None:
        self.url = url
        self.taken: dict[str, float] = {}
        self.failed: list[str] = []
        self._open = True
        self.kitchen = open_shops(url, operator_key)[0]
        self.tills = [Witness(url, self.kitchen.slug, each.key) for each in self.kitchen.terminals]

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Orders come in one after the other, and tills are there."""
        tasks = [asyncio.create_task(work) for work in (self._sell(), *(till.live() for till in self.tills))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """No order comes in any more; tills stay."""
        self._open = False

    def client(self) -> httpx.AsyncClient:
        """The storefront's."""
        headers = {"Authorization": f"Bearer {self.kitchen.storefront_key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False)

    async def _sell(self) -> None:
        async with self.client() as client:
            while self._open:
                try:
                    answer = await client.post("/api/tenant/orders/create", json=ORDER)
                    if answer.status_code == 201:
                        self.taken[answer.json()["orderId"]] = time.monotonic()
                    else:
                        self.failed.append(f"{answer.status_code} {answer.text[:200]}")
                except httpx.HTTPError as exc:
                    self.failed.append(repr(exc))
                await asyncio.sleep(PAUSE_SECONDS)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for it.

    Raises:
        TimeoutError: it is not so after three minutes.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - asked of values that threads and tasks change
            await asyncio.sleep(0.05)
