"""The three doors: a link opens one, hands what comes of it to `feed`, and carries out what is to be sent.

A link knows bytes and messages, and nothing of offsets. Everything that it feeds carries its number.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from bellwire_terminal.errors import Unreachable
from bellwire_terminal.http import Client, problem_of, retry_after_ms

Feed = Callable[..., None]
Finished = Callable[[asyncio.Task[None]], None]
HANDSHAKE_SECONDS = 10.0
CLOSE_SECONDS = 2.0
LARGEST_MESSAGE = 1024 * 1024
QUEUED_FRAMES = 16
CUT = 1006
POLL_SLACK_SECONDS = 20.0
PAGE_EVENTS = 100
# The library tells every header at `debug`, the key among them: not there, however the program's own logging is set.
_log = logging.getLogger("bellwire_terminal.websocket")
_log.setLevel(logging.INFO)


class Link:
    """One attempt at one door, and the stream behind it."""

    def __init__(
        self, number: int, door: str, client: Client, tenant: str, feed: Feed, finished: Finished
    ) -> None:
        self.number = number
        self.door = door
        self._client = client
        self._tenant = quote(tenant, safe="")
        self._feed = feed
        self._finished = finished
        self.refusal = b""
        """The document with which the door was refused."""
        self._socket: ClientConnection | None = None
        self._reading = asyncio.Event()
        self._reading.set()
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let one piece of work run; a poll has one after the other."""
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._finished)

    def pause(self) -> None:
        """Read no further."""
        self._reading.clear()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message; a stream that is gone takes it along."""
        async with self._sending:
            if self._socket is not None:
                with contextlib.suppress(WebSocketException, OSError):
                    await self._socket.send(json.dumps(message))

    async def close(self, code: int) -> None:
        """End it, whatever it is at."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task
        async with self._sending:
            socket, self._socket = self._socket, None
            if socket is not None:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(socket.close(code), CLOSE_SECONDS)
                # A peer that does not answer a Close frame is cut.
                socket.transport.abort()

    def _say(self, type_: str, **members: Any) -> None:
        self._feed(type_, link=self.number, **members)

    async def websocket(self, query: dict[str, str]) -> None:
        """Open the WebSocket, and read it to its end."""
        url = f"{self._client.websocket_base}/ws/pos/{self._tenant}?{urlencode(query)}"
        try:
            socket = await connect(
                url, additional_headers={"Authorization": f"Bearer {self._client.key}"}, compression=None,
                open_timeout=HANDSHAKE_SECONDS, close_timeout=CLOSE_SECONDS, ping_interval=None,
                max_size=LARGEST_MESSAGE, max_queue=QUEUED_FRAMES, ssl=self._client.tls, origin=None, proxy=None,
                logger=_log,
            )  # fmt: skip
        except InvalidStatus as exc:
            answer = exc.response
            wait = retry_after_ms(answer.headers.get("Retry-After"))
            problem = problem_of(bytes(answer.body or b""))
            self.refusal = bytes(answer.body or b"")
            self._say("refused", status=answer.status_code, problem=problem, retryAfterMs=wait)
            return
        except (InvalidHandshake, EOFError, ConnectionResetError) as exc:
            self._say("failed", reached=True, reason=type(exc).__name__)
            return
        except (TimeoutError, asyncio.TimeoutError) as exc:
            self._say("failed", reached=True, reason=type(exc).__name__)
            return
        except OSError as exc:
            self._say("failed", reached=False, reason=type(exc).__name__)
            return
        self._socket = socket
        await self._read(socket)

    async def _read(self, socket: ClientConnection) -> None:
        try:
            while True:
                await self._reading.wait()
                text = await socket.recv()
                self._message(text)
        except ConnectionClosed as exc:
            code, reason = (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd is not None else (CUT, "")
            self._say("closed", code=code, reason=reason)

    def _message(self, text: str | bytes) -> None:
        try:
            message = json.loads(text, parse_float=self._client.parse_float)
        except (ValueError, RecursionError):
            self._say("garbled")
            return
        self._say("message", message=message)

    async def sse(self, query: dict[str, str]) -> None:
        """Open the event stream, and read it to its end."""
        try:
            path = f"/sse/pos/{self._tenant}"
            async with self._client.stream(path, query, {"Accept": "text/event-stream"}) as (answer, parts):
                kind = answer.headers.get("content-type", "")
                if answer.status != 200 or not kind.startswith("text/event-stream"):
                    wait = answer.retry_after_ms
                    # Some page with a 200 is no stream: this door is none.
                    status = answer.status if answer.status != 200 else 406
                    self.refusal = answer.body
                    self._say("refused", status=status, problem=answer.problem, retryAfterMs=wait)
                    return
                await self._read_stream(parts)
        except Unreachable as exc:
            self._say("failed", reached=exc.reached, reason=str(exc))

    async def _read_stream(self, parts: AsyncIterator[bytes]) -> None:
        try:
            async for name, data in _events(parts):
                await self._reading.wait()
                if name == "close":
                    last = json.loads(data)
                    self._say("closed", code=last["code"], reason=last["reason"])
                    return
                self._message(data)
        except (OSError, EOFError, ValueError, KeyError, TypeError, asyncio.LimitOverrunError):
            pass
        self._say("closed", code=CUT, reason="")

    async def poll(self, query: dict[str, str], wait: int) -> None:
        """Ask for one page."""
        path = f"/api/tenant/{self._tenant}/events"
        query = {**query, "wait": str(wait), "limit": query.get("limit", str(PAGE_EVENTS))}
        try:
            answer = await self._client.ask("GET", path, query=query, seconds=wait + POLL_SLACK_SECONDS)
        except Unreachable as exc:
            self._say("failed", reached=exc.reached, reason=str(exc))
            return
        page = answer.json
        if answer.status == 200 and page is not None:
            self._say("page", page=page)
        else:
            status = answer.status if answer.status != 200 else 406
            self.refusal = answer.body
            self._say("refused", status=status, problem=answer.problem, retryAfterMs=answer.retry_after_ms)


async def _events(parts: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, str]]:
    """Events of a stream as name and data, by the rules of HTML's event streams, with a bound."""
    rest = b""
    name, data, size = "message", list[str](), 0
    async for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > LARGEST_MESSAGE:
            raise ValueError("a line is too long")
        for raw in lines:
            line = raw.rstrip(b"\r").decode("utf-8", "replace")
            if not line:
                if data:
                    yield name, "\n".join(data)
                name, data, size = "message", [], 0
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                size += len(raw)
                if size > LARGEST_MESSAGE:
                    raise ValueError("an event is too long")
                data.append(value)
