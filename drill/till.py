"""One terminal of the drill's shops: it stays connected, resumes by offset and acks what it sees, unless told not to.

A plain client of the library `websockets`, or of long polling, or of server-sent events. Knows the contract's messages.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException

Door = Literal["websocket", "sse", "polling"]
RETRY_SECONDS = 1.0
POLL_SECONDS = 20
FAILED = (OSError, TimeoutError, InvalidHandshake, WebSocketException, httpx.HTTPError, ValueError, KeyError)


@dataclass
class Till:
    """`acks` says whether it acks, `stays` whether it is connected at all; both are asked again and again."""

    url: str
    shop: str
    key: str
    door: Door
    acks: Callable[[], bool]
    stays: asyncio.Event
    connected: bool = False
    position: str = "acked"

    async def run(self, client: httpx.AsyncClient) -> None:
        """Be connected for ever, or be on the way to it."""
        way = {"websocket": self._socket, "sse": self._stream, "polling": self._poll}[self.door]
        while True:
            await self.stays.wait()
            with contextlib.suppress(*FAILED):
                await way(client)
            self.connected = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _socket(self, _: httpx.AsyncClient) -> None:
        address = f"{self.url.replace('http', 'ws', 1)}/ws/pos/{self.shop}?after={self.position}"
        async with connect(address, additional_headers=self._headers, proxy=None, open_timeout=20) as socket:
            self.connected = True
            while self.stays.is_set():
                with contextlib.suppress(TimeoutError):
                    message = json.loads(await asyncio.wait_for(socket.recv(), 1.0))
                    if "eventId" in message or message["type"] in ("new_order", "order_updated"):
                        self.position = message["offset"]
                        if self.acks():
                            await socket.send(json.dumps({"type": "ack", "offset": self.position}))

    async def _stream(self, client: httpx.AsyncClient) -> None:
        address = f"{self.url}/sse/pos/{self.shop}?after={self.position}"
        async with client.stream("GET", address, headers=self._headers, timeout=40) as answer:
            answer.raise_for_status()
            self.connected = True
            async for line in answer.aiter_lines():
                if not self.stays.is_set():
                    return
                if line.startswith("id:"):
                    self.position = line.removeprefix("id:").strip()
                    if self.acks():
                        await self._ack(client)

    async def _poll(self, client: httpx.AsyncClient) -> None:
        path = f"{self.url}/api/tenant/{self.shop}/events"
        while self.stays.is_set():
            parameters = {"after": self.position, "wait": str(POLL_SECONDS)}
            answer = await client.get(path, params=parameters, headers=self._headers, timeout=40)
            page = answer.raise_for_status().json()
            self.connected = True
            self.position = page["offset"]
            if page["events"] and self.acks():
                await self._ack(client)

    async def _ack(self, client: httpx.AsyncClient) -> None:
        path = f"{self.url}/api/tenant/{self.shop}/acks"
        await client.post(path, json={"offset": self.position}, headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}
