"""A terminal that keeps its notes through cuts, resets and failovers, on a socket or by polling.

It does what the contract tells a terminal to do and nothing more; its notes are its own.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from infra.local.pods import Pod
from tests.gateway.till import socket_url
from tests.shop import Shop, bearer

WAIT_SECONDS = 30.0


def seq_of(offset: str) -> int:
    return int(offset.rpartition("-")[2])


class Keeper:
    """One registered terminal. `notes` are the events it holds, `resets` what it was told of lost history."""

    def __init__(self, shop: Shop, key: str) -> None:
        self._shop = shop
        self._key = key
        self._moved = asyncio.Event()
        self.cursor = "0"  # everything that is retained
        self.notes: list[dict[str, Any]] = []
        self.resets: list[dict[str, str]] = []
        self.hello: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def connected(self, gateway: Pod) -> AsyncIterator["Keeper"]:
        """On a socket, from where its notes end."""
        url = socket_url(gateway, self._shop.slug, f"?after={self.cursor}")
        async with connect(url, additional_headers=bearer(self._key), compression=None, proxy=None) as socket:
            self.hello = json.loads(await socket.recv())

            async def listen() -> None:
                with contextlib.suppress(ConnectionClosed):
                    async for message in socket:
                        self.take(json.loads(message))

            listening = asyncio.create_task(listen())
            try:
                yield self
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening

    async def poll(self) -> None:
        """By polling, until there is no more; while the log is away it asks again."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                response = await self._shop.http.get(
                    self._shop.path("events"),
                    params={"after": self.cursor, "limit": 7},
                    headers=bearer(self._key),
                )
                if response.status_code == 503:
                    await asyncio.sleep(0.1)
                    continue
                assert response.status_code == 200, response.text
                answer = response.json()
                if "reset" in answer:
                    self.take({"type": "reset", **answer["reset"]})
                for event in answer["events"]:
                    self.take(event)
                self.cursor = answer["offset"]
                if not answer["more"]:
                    return

    def take(self, message: dict[str, Any]) -> None:
        """Take one message."""
        if message["type"] == "reset":
            self.resets.append({"to": message["to"], "reason": message["reason"]})
            self.notes = [event for event in self.notes if seq_of(event["offset"]) <= seq_of(message["to"])]
            self.cursor = message["to"]
        elif "data" in message:
            assert seq_of(message["offset"]) == seq_of(self.cursor) + 1, (
                f"{message['offset']} came behind {self.cursor}"
            )
            self.notes.append(message)
            self.cursor = message["offset"]
        self._moved.set()

    async def holds(self, log: list[dict[str, Any]]) -> None:
        """Its notes become exactly this log."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                while self.notes != log:
                    self._moved.clear()
                    await self._moved.wait()
        assert [event["offset"] for event in self.notes] == [event["offset"] for event in log]
        assert self.notes == log
