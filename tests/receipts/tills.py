"""Terminals of a busy day: each goes through all doors with filters, skips, resets and acks of every kind, by chance.

They know docs/protocol.md and a public library for each door, and keep notes (`tests.receipts.book`); nothing of the
server's is used. Their day is judged by `tests.receipts.verdict`.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.receipts.book import Ack, Book, Reading, Word

Filter = frozenset[str] | None
FILTERS: tuple[Filter, ...] = (
    None,
    frozenset({"new_order"}),
    frozenset({"new_order", "order_unacknowledged"}),
    frozenset({"order_updated", "order_unacknowledged", "order_acknowledged"}),
)
# The habit of a terminal: how its streams begin, eight times in twenty.
HABITS = ("cursor", "cursor", "live", "acked")
BEGINS = ("cursor",) * 4 + ("live", "zero", "acked", "acked", "unknown", "list", "list", "other")
LOST = (OSError, EOFError, TimeoutError, WebSocketException, InvalidHandshake, httpx.TransportError)
FAR = "1-99999999"


class Site(Protocol):
    """The cluster, as far as its terminals see it."""

    over: bool

    def gateway(self) -> tuple[str, str]:
        """The name and address of a gateway that may be there."""

    async def call(self, method: str, path: str, key: str, **more: Any) -> httpx.Response:
        """Ask any API pod, and the next one where there is no answer, until there is one."""

    async def try_call(self, method: str, path: str, key: str, **more: Any) -> httpx.Response:
        """Ask any API pod once. Raises one of `LOST`."""


def seq_of(offset: str) -> int:
    """The number in an offset; the tests' history has one epoch."""
    epoch, _, seq = offset.partition("-")
    assert epoch in ("0", "1"), offset
    return int(seq or 0)


@dataclass(slots=True)
class Moved:
    """A step of an order out of `pending`: asked for at `may`, done by `must`."""

    may: float = inf
    must: float = inf


@dataclass(eq=False)
class Till:
    """One terminal. `seen`: the orders that it said a list had shown; `cursors`: one for each filter."""

    site: Site
    shop: str
    terminal: str
    key: str
    role: str | None
    chance: random.Random
    moved: dict[str, Moved]
    book: Book = field(default_factory=Book)
    seen: dict[str, Word] = field(default_factory=dict)
    orders: dict[int, str] = field(default_factory=dict)
    cursors: dict[Filter, int] = field(default_factory=dict)
    filters: tuple[Filter, ...] = (None,)
    begins: tuple[str, ...] = BEGINS
    newest: int = 0
    wrong: list[str] = field(default_factory=list)
    left: list[ClientConnection] = field(default_factory=list)
    errands: list[asyncio.Task[None]] = field(default_factory=list)
    resets: int = 0

    def __post_init__(self) -> None:
        main = self.chance.choice(FILTERS[:3])
        # Some have a screen that shows no orders, and look at it as often as at the other one.
        self.filters = self.chance.choice(
            ((main, main, main, self.chance.choice(FILTERS)), (main, FILTERS[3]), (main,))
        )
        self.begins = (self.chance.choice(HABITS),) * 8 + BEGINS

    def path(self, rest: str) -> str:
        return f"/api/tenant/{self.shop}/{rest}"

    async def live(self) -> None:
        """One visit after the other, until the day is over; and a last one, on which nothing is lost."""
        while not self.site.over:
            await self._visit()
            await asyncio.sleep(self.chance.choice((0, 0, 0.2, 1, 3)))

    async def close(self) -> None:
        """Let go of the sockets that were left open, and see errands to their end."""
        await asyncio.gather(*self.errands)
        for socket in self.left:
            socket.transport.abort()

    async def last_visit(self) -> None:
        """Go on from where the stream was; most say once more what they have."""
        if self.chance.random() < 0.75:
            filter_ = self.filters[0]
            visit = Visit(filter_, "cursor" if filter_ in self.cursors else "live", 2.0, "end", "close")
            await self._socket(visit)

    async def _visit(self) -> None:
        roll = self.chance.choice
        filter_ = roll(self.filters)
        how = roll(
            ("cursor",) * 8 + ("live", "live", "zero", "acked", "acked", "unknown", "list", "list", "other")
        )
        if how == "cursor" and filter_ not in self.cursors:
            how = roll(("live", "zero", "acked"))
        acks = roll(("each", "some", "some", "end", "end", "never"))
        leaves = roll(("close", "close", "cut", "left", "stay"))
        seconds = self.chance.uniform(6, 12) if leaves == "stay" else self.chance.uniform(0.2, 4)
        visit = Visit(filter_, how, seconds, acks, leaves)
        door = roll((self._socket, self._socket, self._stream, self._poll))
        try:
            await door(visit)
        except Skipped:
            await asyncio.sleep(0.1)

    # -- where it begins -----------------------------------------------------------------------------------------

    async def _start(self, visit: "Visit") -> tuple[str | None, int | None]:
        """The `after` that it asks with, and the offset where it names one."""
        match visit.how:
            case "live":
                return None, None
            case "zero":
                return "0", 0
            case "acked":
                return "acked", None
            case "unknown":
                return FAR, None
            case "list":
                seq = await self._list()
                return f"1-{seq}", seq
            case "other" if self.cursors:
                seq = self.chance.choice(list(self.cursors.values()))
                return f"1-{seq}", seq
        found = self.cursors.get(visit.filter)
        return (None, None) if found is None else (f"1-{found}", found)

    async def _list(self) -> int:
        """Look at the open orders, and say of most lists that they were shown."""
        limit = self.chance.choice((1, 5, 50))
        answer = await self.site.call("GET", self.path(f"orders?status=pending&limit={limit}"), self.key)
        self._expect(answer, 200, "a list")
        page = answer.json()
        shown = [order["orderId"] for order in page["orders"] if self.chance.random() < 0.9]
        if shown and self.chance.random() < 0.7:
            at = time.time()
            for order in shown:
                self.seen.setdefault(order, Word()).add(at)
            answer = await self.site.call("POST", self.path("acks"), self.key, json={"orderIds": shown})
            self._expect(answer, 204, "orderIds")
            for order in shown:
                self.seen[order].add(at, time.time())
        return seq_of(page["offset"])

    def _query(self, visit: "Visit", after: str | None, **more: Any) -> dict[str, Any]:
        query = dict(more)
        if after is not None:
            query["after"] = after
        if visit.filter is not None:
            query["types"] = ",".join(sorted(visit.filter))
        return query

    def _lost(self, visit: "Visit", door: str, gateway: str, at: float, named: int | None) -> None:
        """The request may have been taken, and its answer did not come."""
        least = 0 if visit.how == "acked" else self.newest
        self.book.open(Reading(door, visit.filter, gateway, at, named, named is not None, least=least))

    def _hello(
        self, visit: "Visit", door: str, gateway: str, at: float, named: int | None, hello: Any
    ) -> Reading:
        began = seq_of(hello["after"])
        reading = Reading(door, visit.filter, gateway, at, began, named == began, name=hello["reading"])
        if named is not None and named != began:
            self.wrong.append(f"{self.terminal} asked for {named} and got {hello}")
        self.newest = max(self.newest, seq_of(hello["head"]))
        self.cursors[visit.filter] = began
        return self.book.open(reading)

    # -- sockets -------------------------------------------------------------------------------------------------

    async def _socket(self, visit: "Visit") -> None:
        after, named = await self._start(visit)
        gateway, url = self.site.gateway()
        query = httpx.QueryParams(self._query(visit, after))
        at = time.time()
        try:
            socket = await connect(
                f"ws://{url}/ws/pos/{self.shop}?{query}", additional_headers={"Authorization": f"Bearer {self.key}"},
                compression=None, proxy=None, open_timeout=20, close_timeout=3, ping_interval=None,
            )  # fmt: skip
        except ConnectionRefusedError:
            raise Skipped from None
        except LOST:
            self._lost(visit, "websocket", gateway, at, named)
            raise Skipped from None
        try:
            hello = json.loads(await asyncio.wait_for(socket.recv(), 20))
        except LOST:
            socket.transport.abort()
            self._lost(visit, "websocket", gateway, at, named)
            raise Skipped from None
        reading = self._hello(visit, "websocket", gateway, at, named, hello)
        talk = SocketTalk(self, visit, reading, socket)
        if self.chance.random() < 0.05:
            # Careless: it acks the head that it heard of, before anything has come.
            await talk.ack(seq_of(hello["head"]), sure=False)
        await talk.listen()

    # -- server-sent events --------------------------------------------------------------------------------------

    async def _stream(self, visit: "Visit") -> None:
        after, named = await self._start(visit)
        gateway, url = self.site.gateway()
        at = time.time()
        reading: Reading | None = None
        try:
            async with (
                httpx.AsyncClient(timeout=httpx.Timeout(20, read=60), trust_env=False) as client,
                client.stream(
                    "GET", f"http://{url}/sse/pos/{self.shop}", params=self._query(visit, after),
                    headers={"Authorization": f"Bearer {self.key}"},
                ) as answer,
            ):  # fmt: skip
                if answer.status_code != 200:
                    raise httpx.ReadError(f"{answer.status_code}")
                until = time.time() + visit.seconds
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(visit.seconds + 20) as bound:
                        async for message in _messages(answer):
                            if reading is None:
                                reading = self._hello(visit, "sse", gateway, at, named, message)
                                bound.reschedule(asyncio.get_running_loop().time() + visit.seconds)
                            elif self.take(visit, reading, message) and visit.acks_now(self.chance):
                                await self._ack(reading, self._some(reading))
                            if time.time() > until:
                                break
                if reading is not None and visit.acks == "end":
                    await self._ack(reading, reading.through())
        except httpx.ConnectError:
            raise Skipped from None
        except LOST:
            if reading is None:
                self._lost(visit, "sse", gateway, at, named)
                raise Skipped from None
        if reading is not None:
            reading.ended = time.time()

    def _some(self, reading: Reading) -> int:
        """How far it came, mostly; acks may be of an older event, too."""
        if reading.got and self.chance.random() < 0.2:
            return self.chance.choice(reading.got)
        return reading.through()

    async def _ack(self, reading: Reading, seq: int) -> None:
        """Ack over HTTP; now and then without the reading's name, for which no receipt may come."""
        if seq == 0:
            return
        names = self.chance.random() < 0.9
        body = {"offset": f"1-{seq}", **({"reading": reading.name} if names else {})}
        ack = Ack(seq, time.time(), sure=names)
        reading.acks.append(ack)
        answer = await self.site.call("POST", self.path("acks"), self.key, json=body)
        self._expect(answer, 204, f"ack of {body}")
        ack.heard = time.time()

    # -- polls ---------------------------------------------------------------------------------------------------

    async def _poll(self, visit: "Visit") -> None:
        after, named = await self._start(visit)
        until = time.time() + visit.seconds
        while True:
            # A poll from the head would not say where it began, were an event to come while it waits.
            wait = self.chance.choice((0, 1, 2)) if named is not None else 0
            query = self._query(visit, after, wait=wait, limit=self.chance.choice((1, 3, 100)))
            at = time.time()
            try:
                answer = await self.site.try_call("GET", self.path("events"), self.key, params=query)
            except httpx.ConnectError:
                raise Skipped from None
            except LOST:
                self._lost(visit, "polling", "", at, named)
                raise Skipped from None
            if answer.status_code == 503:
                self._lost(visit, "polling", "", at, named)
                raise Skipped
            self._expect(answer, 200, f"a poll {query}")
            reading = self._page(visit, at, named, answer.json())
            if visit.acks_now(self.chance):
                await self._ack(reading, self._some(reading))
            if time.time() > until:
                if visit.acks == "end":
                    await self._ack(reading, reading.through())
                return
            named = self.cursors[visit.filter]
            after = f"1-{named}"
            if not reading.got:
                await asyncio.sleep(0.2)

    def _page(self, visit: "Visit", at: float, named: int | None, page: Any) -> Reading:
        offset = seq_of(page["offset"])
        if "reset" in page:
            self.resets += 1
            began, named = seq_of(page["reset"]["to"]), None
        elif named is not None:
            began = named
        else:
            # Nothing between where it began and its first event passes its filter.
            began = seq_of(page["events"][0]["offset"]) - 1 if page["events"] else offset
        reading = self.book.open(
            Reading("polling", visit.filter, "", at, began, named is not None, name=page["reading"], ended=at)
        )
        for event in page["events"]:
            self.take(visit, reading, event)
        reading.give(time.time(), offset, event=False)
        self.cursors[visit.filter] = offset
        return reading

    # -- what comes ----------------------------------------------------------------------------------------------

    def take(self, visit: "Visit", reading: Reading, message: Any) -> bool:
        """A message of any door; whether it was an event."""
        now = time.time()
        match message["type"]:
            case "caught_up":
                reading.give(now, seq_of(message["offset"]), event=False)
                return False
            case "reset":
                self.resets += 1
                reading.give(now, seq_of(message["to"]), event=False)
                self.cursors[visit.filter] = seq_of(message["to"])
                return False
            case "heartbeat" | "pong" | "error" | "close":
                if message["type"] == "error":
                    self.wrong.append(f"{self.terminal}: {message}")
                return False
        seq = seq_of(message["offset"])
        reading.give(now, seq)
        self.cursors[visit.filter] = seq
        self.newest = max(self.newest, seq)
        if message["type"] == "new_order":
            self.orders[seq] = message["data"]["orderId"]
            if self.chance.random() < 0.04:
                self.errands.append(asyncio.create_task(self._move(message["data"]["orderId"])))
        return True

    async def _move(self, order: str) -> None:
        """A person begins to make an order, a while after it came."""
        await asyncio.sleep(self.chance.uniform(0, 8))
        moved = self.moved.setdefault(order, Moved())
        moved.may = min(moved.may, time.time())
        answer = await self.site.call("PATCH", self.path(f"orders/{order}/status"), self.key,
                                      json={"status": self.chance.choice(("preparing", "cancelled"))})  # fmt: skip
        # Somebody else was faster, or this one was, and did not hear of it.
        if answer.status_code != 409:
            self._expect(answer, 200, "a step")
        moved.must = min(moved.must, time.time())

    def _expect(self, answer: httpx.Response, status: int, what: str) -> None:
        if answer.status_code != status:
            self.wrong.append(f"{self.terminal}: {what} is {answer.status_code} {answer.text[:300]}")


class Skipped(Exception):
    """This visit came to nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The plan of a terminal for one connection."""

    filter: Filter
    how: str
    seconds: float
    acks: str
    leaves: str

    def acks_now(self, chance: random.Random) -> bool:
        """Whether it acks behind this event."""
        return self.acks == "each" or (self.acks == "some" and chance.random() < 0.2)


@dataclass(eq=False)
class SocketTalk:
    """A terminal at its socket."""

    till: Till
    visit: Visit
    reading: Reading
    socket: ClientConnection
    _asked: list[Ack] = field(default_factory=list)

    async def listen(self) -> None:
        """Take what comes, ack by the visit's way, and leave as it says."""
        visit, reading, till = self.visit, self.reading, self.till
        until = time.time() + visit.seconds
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(visit.seconds):
                    while time.time() < until:
                        message = json.loads(await self.socket.recv())
                        if message["type"] == "pong":
                            self._heard()
                        elif till.take(visit, reading, message) and visit.acks_now(till.chance):
                            await self.ack(till._some(reading))
            if visit.acks == "end":
                await self.ack(reading.through())
            await self._leave()
        except LOST:
            self.socket.transport.abort()
        # Events in a socket that was left go nowhere; its gateway finds it replaced within two seconds.
        reading.ended = inf if self.socket in till.left else time.time()

    async def ack(self, seq: int, *, sure: bool = True) -> None:
        """Ack on the socket, and ask for a sign that it was heard."""
        if seq == 0:
            return
        ack = Ack(seq, time.time(), sure=sure)
        self.reading.acks.append(ack)
        self._asked.append(ack)
        await self.socket.send(json.dumps({"type": "ack", "offset": f"1-{seq}"}))
        await self.socket.send(json.dumps({"type": "ping"}))

    def _heard(self) -> None:
        self._asked.pop(0).heard = time.time()

    async def _leave(self) -> None:
        match self.visit.leaves:
            case "cut":
                self.socket.transport.abort()
            case "left":
                self.till.left.append(self.socket)
            case _:
                await self.socket.close()
                if self.socket.close_code == 1000:
                    # A closing is answered behind all that was said before.
                    for ack in self._asked:
                        ack.heard = time.time()


async def _messages(answer: httpx.Response) -> AsyncIterator[Any]:
    """The data of server-sent events, as a page would parse them."""
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line[5:])
