"""A terminal that reads server-sent events with a public library, with notes of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
from httpx_sse import EventSource, ServerSentEvent

from infra.local.pods import Pod
from tests.shop import bearer

WAIT_SECONDS = 10.0


class StreamTill:
    """One stream. `events` are its notes; `words` is everything, as (id, event, data)."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.words: list[tuple[str, str, dict[str, Any]]] = []
        self.events: list[dict[str, Any]] = []
        self.raw: list[ServerSentEvent] = []
        self.hello: dict[str, Any] = {}
        self._arrived: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue()
        self.clean_end: bool | None = None

    async def read(self) -> None:
        """Take what comes until it ends; `clean_end` says whether the answer was complete."""
        try:
            async for sse in EventSource(self.response).aiter_sse():
                self._arrived.put_nowait(sse)
            self.clean_end = True
        except httpx.TransportError:
            self.clean_end = False
        finally:
            self._arrived.put_nowait(None)

    @property
    def offsets(self) -> list[str]:
        """The offsets of its events."""
        return [event["offset"] for event in self.events]

    async def next(self) -> dict[str, Any] | None:
        """The next message, whatever it is; None when the stream has ended."""
        async with asyncio.timeout(WAIT_SECONDS):
            sse = await self._arrived.get()
        if sse is None:
            return None
        message: dict[str, Any] = orjson.loads(sse.data)
        self.raw.append(sse)
        if "data" in message:
            assert (sse.id, sse.event) == (message["offset"], message["type"])
            self.events.append(message)
        else:
            assert sse.event == message["type"]
        return message

    async def until(self, type_: str) -> dict[str, Any]:
        """The next message of a type; those before it are noted too."""
        while True:
            message = await self.next()
            assert message is not None, f"the stream ended before a {type_}"
            if message["type"] == type_:
                return message

    async def has(self, count: int) -> list[dict[str, Any]]:
        """Its events, once there are so many."""
        while len(self.events) < count:
            assert await self.next() is not None, f"the stream ended with {len(self.events)} of {count}"
        return self.events

    async def ended(self) -> dict[str, Any] | None:
        """The last message before the end."""
        last = None
        while (message := await self.next()) is not None:
            last = message
        return last


def stream_path(tenant: str, query: str = "") -> str:
    """The path of a tenant's stream."""
    return f"/sse/pos/{tenant}{query}"


@contextlib.asynccontextmanager
async def open_stream(
    place: Pod | str, tenant: str, key: str | None, query: str = "", **headers: str
) -> AsyncIterator[StreamTill]:
    """A connected terminal that has heard its hello."""
    base = place if isinstance(place, str) else place.url
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        headers |= bearer(key)
    async with (
        httpx.AsyncClient(base_url=base, timeout=httpx.Timeout(10, read=60), trust_env=False) as client,
        client.stream("GET", stream_path(tenant, query), headers=headers) as response,
    ):
        assert response.status_code == 200, (await response.aread()).decode()
        till = StreamTill(response)
        reading = asyncio.create_task(till.read())
        try:
            hello = await till.next()
            assert hello is not None
            till.hello = hello
            assert hello["type"] == "hello"
            yield till
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
