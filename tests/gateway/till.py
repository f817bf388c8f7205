"""A terminal for tests: a plain WebSocket client, with notes of its own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from infra.local.pods import Pod
from tests.shop import bearer

WAIT_SECONDS = 10.0


class Till:
    """One connection. `events` are its notes: every event, in the order in which it came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello: dict[str, Any] = {}
        self.said: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    @property
    def offsets(self) -> list[str]:
        """The offsets of its events."""
        return [event["offset"] for event in self.events]

    async def next(self) -> dict[str, Any]:
        """The next message, whatever it is."""
        async with asyncio.timeout(WAIT_SECONDS):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        self.said.append(message)
        if "data" in message:
            self.events.append(message)
        return message

    async def until(self, type_: str) -> dict[str, Any]:
        """The next message of a type; those before it are noted too."""
        while True:
            message = await self.next()
            if message["type"] == type_:
                return message

    async def has(self, count: int) -> list[dict[str, Any]]:
        """Its events, once there are so many."""
        while len(self.events) < count:
            await self.next()
        return self.events

    async def silent(self, seconds: float) -> None:
        """No event comes for so long."""
        before = len(self.events)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.next()
        assert self.events[before:] == []

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which it is closed."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as exc:
            assert exc.rcvd is not None, "cut without a Close frame"
            return exc.rcvd.code, exc.rcvd.reason

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))


def socket_url(pod: Pod, tenant: str, query: str = "") -> str:
    """The address of a tenant's socket at a pod."""
    return f"{pod.url.replace('http', 'ws', 1)}/ws/pos/{tenant}{query}"


@contextlib.asynccontextmanager
async def open_till(
    pod: Pod, tenant: str, key: str | None, query: str = "", **options: Any
) -> AsyncIterator[Till]:
    """A connected terminal that has heard its hello; without a key its query says who it is."""
    url = socket_url(pod, tenant, query)
    headers = options.pop("additional_headers", {}) | ({} if key is None else bearer(key))
    async with connect(url, additional_headers=headers, compression=None, proxy=None, **options) as socket:
        till = Till(socket)
        till.hello = await till.next()
        assert till.hello["type"] == "hello"
        yield till


async def refusal(pod: Pod, tenant: str, query: str = "", **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the problem with which a handshake is refused."""
    options.setdefault("compression", None)
    try:
        async with connect(socket_url(pod, tenant, query), proxy=None, **options):
            raise AssertionError("the handshake was accepted")
    except InvalidStatus as exc:
        return exc.response.status_code, json.loads(exc.response.body or b"null")
