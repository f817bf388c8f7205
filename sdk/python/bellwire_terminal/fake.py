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
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.frames import Opcode
from websockets.server import ServerProtocol

LARGEST_BODY = 256 * 1024
HEARTBEAT_SECONDS = 20
CODES = {400: "bad-request", 401: "unauthorized", 404: "not-found", 409: "conflict", 503: "unavailable"}

Send = Callable[[dict[str, Any]], None]


class FakeBellwire:
    """`requests` are the commands that came, `(method, path, body)`, a repeat of one left out; `acked` the last ack."""

    def __init__(self, tenant: str = "kitchen", key: str = "bw_term_fake") -> None:
        self.tenant = tenant
        self.key = key
        self.terminal_id = str(uuid.uuid4())
        self.events: list[dict[str, Any]] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.acked: str | None = None
        self.acked_orders: set[str] = set()
        self.requests: list[tuple[str, str, Any]] = []
        self.down = False
        self.claims: dict[tuple[str, str], dict[str, Any]] = {}
        self._epoch = 1
        self._floor = 0
        self._shut: set[str] = set()
        self._refusals: list[tuple[int, str, int | None]] = []
        self._answers: dict[str, tuple[int, Any]] = {}
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

    @property
    def head(self) -> str:
        """The newest offset."""
        return f"{self._epoch}-{self._floor + len(self.events)}"

    async def __aenter__(self) -> "FakeBellwire":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._cut_all()
        await asyncio.sleep(0)

    # For the test.

    def place_order(self, **data: Any) -> str:
        """Commit an order and tell it; returns its offset. `data` goes over what a plain order has."""
        order_id = str(data.get("orderId", uuid.uuid4()))
        order = {
            "orderId": order_id, "orderNumber": f"ORD-{len(self.orders) + 1}", "status": "pending",
            "orderType": "pickup", "customerName": None, "totalAmount": 5,
            "items": [{"name": "Soup", "quantity": 1, "unitPrice": 5}],
            "orderSource": "online", "stations": [], "categories": [], **data,
        }  # fmt: skip
        self.orders[order_id] = order
        return self.publish("new_order", order)

    def publish(self, type_: str, data: dict[str, Any]) -> str:
        """Commit any event and tell it; returns its offset."""
        offset = f"{self._epoch}-{self._floor + len(self.events) + 1}"
        told = {"type": type_, "tenant": self.tenant, "offset": offset, "id": f"evt_{self.tenant}_{offset}"}
        event = {**told, "timestamp": _moment(datetime.now(timezone.utc)), "data": dict(data)}
        self.events.append(event)
        for send, _ in list(self._streams.values()):
            send(event)
        self._news.set()
        return offset

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

    def forget(self) -> None:
        """All events so far are older than retention: who asks behind them gets a reset."""
        self._floor += len(self.events)
        self.events.clear()

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

    def _begin(self, query: dict[str, str]) -> tuple[int, str | None]:
        """The place in `events` at which a reader begins, and why it is a reset, if it is one."""
        after = query.get("after")
        if after is None:
            return len(self.events), None
        if after == "acked":
            after = self.acked or "0"
        if after == "0":
            return 0, None
        epoch, _, number = after.partition("-")
        if not number.isdigit() or int(epoch) != self._epoch:
            return len(self.events), "epoch"
        if int(number) < self._floor:
            return 0, "retention"
        return min(int(number) - self._floor, len(self.events)), None

    def _wanted(self, event: dict[str, Any], query: dict[str, str]) -> bool:
        return "types" not in query or event["type"] in query["types"].split(",")

    def _opening(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Everything that a stream says before it is live."""
        at, reset = self._begin(query)
        after = f"{self._epoch}-{self._floor + at}"
        told = {"tenant": self.tenant, "terminal": self.terminal_id, "head": self.head, "after": after}
        more = {
            "resumed": reset is None,
            "heartbeatSeconds": HEARTBEAT_SECONDS,
            "protocol": 1,
            "reading": "fake",
        }
        opening: list[dict[str, Any]] = [{"type": "hello", **told, **more, "ackedOffset": self.acked}]
        if reset is not None:
            opening.append({"type": "reset", "to": after, "reason": reset})
        opening += [event for event in self.events[at:] if self._wanted(event, query)]
        return [*opening, {"type": "caught_up", "offset": self.head}]

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
        found = self.events[at : at + int(query.get("limit", "100"))]
        end = at + len(found)
        page: dict[str, Any] = (
            {} if reset is None else {"reset": {"to": f"{self._epoch}-{self._floor + at}", "reason": reset}}
        )
        page |= {"events": [event for event in found if self._wanted(event, query)], "head": self.head}
        page |= {
            "offset": f"{self._epoch}-{self._floor + end}",
            "more": end < len(self.events),
            "reading": "fake",
        }
        _answer(writer, 200, json.dumps(page).encode())

    def _command(
        self, writer: asyncio.StreamWriter, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> None:
        key = headers.get("idempotency-key")
        if key is not None and key in self._answers:
            status, answer = self._answers[key]
        else:
            status, answer = self._carry_out(method, path, body)
            if key is not None:
                self._answers[key] = status, answer
        if status >= 400:
            _problem(writer, status, answer.pop("code", None), None, **answer)
        else:
            _answer(writer, status, b"" if answer is None else json.dumps(answer).encode())

    def _carry_out(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        base = f"/api/tenant/{self.tenant}/"
        parts = path.removeprefix(base).split("/") if path.startswith(base) else path.split("/")
        if method == "GET" and parts == ["orders"]:
            open_ = [
                one for one in self.orders.values() if one["status"] in ("pending", "preparing", "ready")
            ]
            return 200, {"orders": open_[::-1], "offset": self.head, "next": None}
        if method == "POST" and parts == ["acks"]:
            self.acked = body.get("offset", self.acked)
            self.acked_orders.update(body.get("orderIds", ()))
            return 204, None
        if parts[0] == "orders" and len(parts) > 1:
            order = self.orders.get(parts[1])
            if order is None:
                return 404, {}
            if method == "GET":
                return 200, order
            if len(parts) > 2 and parts[2] == "claims":
                return self._claim(parts, body)
        self.requests.append((method, path, body))
        if parts[0] == "orders" and parts[-1] == "status":
            before, order["status"] = order["status"], body["status"]  # type: ignore[index]  # it was found above
            names = {"orderId": parts[1], "orderNumber": order["orderNumber"]}  # type: ignore[index]
            step = {**names, "status": body["status"], "previousStatus": before}
            return 200, {**step, "offset": self.publish("order_updated", step)}
        return 200, {"balance": 0, "newBalance": 0, "offset": self.head}

    def _claim(self, parts: list[str], body: Any) -> tuple[int, Any]:
        now = datetime.now(timezone.utc)
        purpose = parts[3] if parts[-1] == "done" else body["purpose"]
        held = self.claims.setdefault(
            (parts[1], purpose), {"fence": 0, "until": now, "done": False, "holder": None}
        )
        if parts[-1] == "done":
            if body["fence"] != held["fence"] or held["holder"] != self.terminal_id:
                return 409, {"code": "stale-fence"}
            held["done"] = True
            return 204, None
        if held["done"]:
            return 409, {"code": "claim-done", "done": True}
        mine = held["holder"] == self.terminal_id
        if held["until"] > now and not mine:
            name = {"terminalId": held["holder"], "name": "another"}
            return 409, {"code": "claimed", "holder": name, "expiresAt": _moment(held["until"])}
        if held["until"] <= now:
            held["fence"] += 1
        held |= {"holder": self.terminal_id, "until": now + timedelta(seconds=body.get("ttlSeconds", 30))}
        return 200, {"claimed": True, "fence": held["fence"], "expiresAt": _moment(held["until"])}

    def claimed_by_another(self, order_id: str, purpose: str, seconds: float = 30) -> None:
        """Another terminal takes a claim, whoever has it."""
        held = self.claims.setdefault((order_id, purpose), {"fence": 0, "done": False})
        until = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        held |= {"fence": held["fence"] + 1, "holder": "another", "until": until}


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


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
