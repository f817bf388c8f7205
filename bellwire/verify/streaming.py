"""A terminal on server-sent events: the same stream over plain HTTP, acks by a door beside it."""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from httpx_sse import EventSource, ServerSentEvent

from bellwire.verify.client import Client, ack_by_http
from bellwire.verify.pushed import OPEN_SECONDS, Closed, PushedTill, Refused


@functools.cache
def trust() -> ssl.SSLContext:
    """The certificates to trust; read once, which takes longer than a connection."""
    return httpx.create_ssl_context()


class StreamingTill(PushedTill):
    """A stream of server-sent events, again and again; every second time it resumes as a browser does."""

    transport = "sse"

    def __init__(self, client: Client, *arguments: Any, **options: Any) -> None:
        """`client` carries the acks."""
        super().__init__(*arguments, **options)
        self._client = client

    async def connect(self, query: dict[str, str]) -> "EventStream":
        """Open one."""
        headers = {"Authorization": f"Bearer {self._key}"}
        if "after" in query and self._chance.random() < 0.5:
            headers["Last-Event-ID"] = query.pop("after")
        # A client of its own: a stream is a connection of its own, there is nothing to share.
        stream_client = httpx.AsyncClient(
            timeout=httpx.Timeout(OPEN_SECONDS, read=None), verify=trust(), trust_env=False, headers=headers
        )
        target = f"{self._url}/sse/pos/{self.notes.tenant}?{urlencode(query)}"
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                response = await stream_client.send(stream_client.build_request("GET", target), stream=True)
            if response.status_code != 200:
                raise Refused(response.status_code)
        except BaseException as exc:
            await stream_client.aclose()
            if isinstance(exc, httpx.HTTPError):
                raise EOFError from exc
            raise
        return EventStream(stream_client, response, self._client, self.notes.tenant, self._key)


class EventStream:
    """One stream."""

    def __init__(
        self,
        stream_client: httpx.AsyncClient,
        response: httpx.Response,
        client: Client,
        tenant: str,
        key: str,
    ) -> None:
        self._stream_client = stream_client
        self._messages: AsyncIterator[ServerSentEvent] = EventSource(response).aiter_sse()
        self._client = client
        self._acks = f"/api/tenant/{tenant}/acks"
        self._key = key
        self._next: asyncio.Task[ServerSentEvent] | None = None

    async def receive(self) -> dict[str, Any]:
        """Return the next message; only an event has an id, and it is its offset."""
        # Waiting longer than one cares to must not end the stream, as a cancelled read would.
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._messages))
        try:
            event = await asyncio.shield(self._next)
        except StopAsyncIteration:
            raise EOFError from None
        except httpx.HTTPError as exc:
            raise EOFError from exc
        self._next = None
        message: dict[str, Any] = orjson.loads(event.data)
        if message["type"] == "close":
            raise Closed(message["code"], message.get("reason", ""))
        if "data" in message:
            # The id is what a browser would come back with; should it lie, the judge must see that.
            message["offset"] = event.id
        return message

    async def ack(self, offset: str, reading: str | None) -> bool:
        """An ack by HTTP."""
        return await ack_by_http(self._client, self._acks, self._key, offset, reading)

    async def close(self, *, abrupt: bool) -> None:
        """Leave; HTTP has no polite way."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        await self._stream_client.aclose()
