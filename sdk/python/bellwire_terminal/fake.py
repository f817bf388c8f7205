"""A Bellwire for integrators' tests: one shop, one terminal, three doors, in the test's own process.

    async with FakeBellwire() as fake, Terminal(fake.url, fake.tenant, fake.key) as till:
        fake.place_order(customerName="Ada")
        event = await anext(till)

It has the contract's order, replay, acks, idempotency and claims, and faults on request. It has no rules of a shop: any
step is taken, any card redeemed.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.frames import Opcode
from websockets.server import ServerProtocol

from bellwire_terminal.fake_shop import FakeShop

LARGEST_BODY = 256 * 1024
CODES = {400: "bad-request", 401: "unauthorized", 404: "not-found", 409: "conflict", 503: "unavailable"}

Send = Callable[[dict[str, Any]], None]


class FakeBellwire(FakeShop):
    """The shop's server. While it is `down` it cuts whoever comes."""

    def __init__(self, tenant: str = "kitchen", key: str = "bw_term_fake") -> None:
        super().__init__(tenant)
        self.key = key
        self.down = False
        self._shut: set[str] = set()
        self._refusals: list[tuple[int, str, int | None]] = []
        self._streams: dict[int, tuple[Send, Callable[[int, str], None]]] = {}
        self._next_stream = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Its address."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> "FakeBellwire":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._cut_all()
        await asyncio.sleep(0)

    # For the test.

    def cut(self, code: int | None = None, reason: str = "") -> None:
        """End every stream: with a code, or without a word."""
        for _, close in list(self._streams.values()):
            if code is not None:
                close(code, reason)
        if code is None:
            self._cut_all()

    def shut(self, *doors: str) -> None:
        """These doors (`websocket`, `sse`, `poll`) answer as a proxy that knows them not, from now on."""
        self._shut = set(doors)

    def refuse_next(self, status: int, problem: str, retry_after: int | None = None) -> None:
        """The next request, of whatever kind, is refused."""
        self._refusals.append((status, problem, retry_after))

    def _committed(self, event: dict[str, Any]) -> None:
        for send, _ in list(self._streams.values()):
            send(event)
        self._news.set()

    def fork(self) -> None:
        """History forked: a new epoch, and every stream is told."""
        self._epoch += 1
        self.forget()
        for send, _ in list(self._streams.values()):
            send({"type": "reset", "to": self.head, "reason": "epoch"})

    # The server.

    def _cut_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not self.down:
                await self._request(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        body = await reader.readexactly(min(int(headers.get("content-length") or 0), LARGEST_BODY))
        path = unquote(urlsplit(target).path)
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        door = _door(path)
        if door in self._shut:
            _answer(writer, 403, b"<html>", "text/html")
        elif self._refusals:
            status, problem, after = self._refusals.pop(0)
            _problem(writer, status, problem, after)
        elif headers.get("authorization") != f"Bearer {self.key}":
            _problem(writer, 401)
        elif door == "websocket":
            await self._websocket(raw, reader, writer, query)
        elif door == "sse":
            await self._sse(reader, writer, query)
        elif door == "poll":
            await self._poll(writer, query)
        else:
            self._command(writer, method, path, json.loads(body) if body else None, headers)
        await writer.drain()

    def _enter(self, send: Send, close: Callable[[int, str], None], query: dict[str, str]) -> int:
        """A stream begins; a terminal has one."""
        for _, other in list(self._streams.values()):
            other(4409, "replaced")
        self._next_stream += 1

        def filtered(message: dict[str, Any]) -> None:
            if "offset" not in message or "data" not in message or self._wanted(message, query):
                send(message)

        for message in self._opening(query):
            send(message)
        self._streams = {self._next_stream: (filtered, close)}
        return self._next_stream

    async def _websocket(
        self, raw: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, query: dict[str, str]
    ) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(raw)
        (request,) = protocol.events_received()
        protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]  # the first event is the request

        def flush() -> None:
            for part in protocol.data_to_send():
                if part:
                    writer.write(part)

        def send(message: dict[str, Any]) -> None:
            protocol.send_text(json.dumps(message).encode())
            flush()

        def close(code: int, reason: str) -> None:
            self._streams.pop(number, None)
            protocol.send_close(code, reason)
            flush()

        flush()
        number = 0
        number = self._enter(send, close, query)
        try:
            while data := await reader.read(65536):
                protocol.receive_data(data)
                for frame in protocol.events_received():
                    if getattr(frame, "opcode", None) is Opcode.TEXT:
                        message = json.loads(bytes(frame.data))  # type: ignore[union-attr]
                        if message.get("type") == "ack":
                            self.acked = message["offset"]
                        elif message.get("type") == "ping":
                            send({"type": "pong", "head": self.head})
                flush()
                if protocol.close_expected():
                    break
        finally:
            self._streams.pop(number, None)

    async def _sse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, query: dict[str, str]
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        over = asyncio.Event()

        def send(message: dict[str, Any]) -> None:
            id_ = f"id: {message['offset']}\n" if "data" in message else ""
            writer.write(f"{id_}event: {message['type']}\ndata: {json.dumps(message)}\n\n".encode())

        def close(code: int, reason: str) -> None:
            self._streams.pop(number, None)
            send({"type": "close", "code": code, "reason": reason})
            over.set()

        number = 0
        number = self._enter(send, close, query)
        gone = asyncio.ensure_future(reader.read())
        ended = asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait((gone, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            ended.cancel()
            self._streams.pop(number, None)

    async def _poll(self, writer: asyncio.StreamWriter, query: dict[str, str]) -> None:
        at, reset = self._begin(query)
        loop = asyncio.get_running_loop()
        until = loop.time() + int(query.get("wait", "0"))
        while at >= len(self.events) and reset is None and loop.time() < until:
            self._news.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), until - loop.time())
        _answer(writer, 200, json.dumps(self._page(at, reset, query)).encode())

    def _command(
        self, writer: asyncio.StreamWriter, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> None:
        status, answer = self._answer_to(method, path, body, headers.get("idempotency-key"))
        if status >= 400:
            more = {name: value for name, value in answer.items() if name != "code"}
            _problem(writer, status, answer.get("code"), None, **more)
        else:
            _answer(writer, status, b"" if answer is None else json.dumps(answer).encode())


def _door(path: str) -> str:
    if path.startswith("/ws/pos/"):
        return "websocket"
    return "sse" if path.startswith("/sse/pos/") else "poll" if path.endswith("/events") else ""


def _answer(
    writer: asyncio.StreamWriter, status: int, body: bytes, kind: str = "application/json", more: str = ""
) -> None:
    size = f"Content-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    writer.write(f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\n{size}".encode() + body)


def _problem(
    writer: asyncio.StreamWriter,
    status: int,
    code: str | None = None,
    retry_after: int | None = None,
    **more: Any,
) -> None:
    code = code or CODES.get(status, "invalid-fields")
    document = {
        "type": f"urn:bellwire:problem:{code}",
        "title": code,
        "status": status,
        "detail": code,
        **more,
    }
    wait = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
    _answer(writer, status, json.dumps(document).encode(), "application/problem+json", wait)
