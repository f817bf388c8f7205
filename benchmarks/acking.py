"""Tills that ack when they are told to: a thousand WebSockets in one task each, no more than they need."""

import asyncio
from collections.abc import Sequence
from typing import Self

import orjson
from websockets.asyncio.client import ClientConnection, connect

ARRIVE_SECONDS = 60.0
AT_ONCE = 50


class Tills:
    """All of them at one gateway. Each keeps the offsets that came and were not acked yet."""

    def __init__(self) -> None:
        self._sockets: list[ClientConnection] = []
        self._waiting: list[list[str]] = []
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, url: str, seats: Sequence[tuple[str, str]]) -> Self:
        """Connect one for each tenant and key."""
        tills, slots = cls(), asyncio.Semaphore(AT_ONCE)

        async def enter(tenant: str, key: str) -> ClientConnection:
            async with slots:
                socket = await connect(
                    f"{url.replace('http', 'ws', 1)}/ws/pos/{tenant}", compression=None, proxy=None,
                    additional_headers={"Authorization": f"Bearer {key}"}, ping_interval=None, open_timeout=60,
                )  # fmt: skip
                assert orjson.loads(await socket.recv())["type"] == "hello"
                return socket

        tills._sockets = await asyncio.gather(*(enter(*seat) for seat in seats))
        for socket in tills._sockets:
            offsets: list[str] = []
            tills._waiting.append(offsets)
            tills._tasks.append(asyncio.create_task(_note(socket, offsets)))
        return tills

    async def have(self, count: int) -> None:
        """Wait until each has so many orders that it did not ack.

        Raises:
            TimeoutError: some have not after a minute.
        """
        async with asyncio.timeout(ARRIVE_SECONDS):
            while any(len(offsets) < count for offsets in self._waiting):
                await asyncio.sleep(0.05)

    async def ack(self) -> int:
        """Each acks its earliest order; returns how many did."""
        for socket, offsets in zip(self._sockets, self._waiting, strict=True):
            await socket.send(orjson.dumps({"type": "ack", "offset": offsets.pop(0)}).decode())
        return len(self._sockets)

    async def close(self) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        for socket in self._sockets:
            socket.transport.abort()


async def _note(socket: ClientConnection, offsets: list[str]) -> None:
    async for text in socket:
        message = orjson.loads(text)
        if message["type"] == "new_order":
            offsets.append(message["offset"])
