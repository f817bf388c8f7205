"""One till: what its machine says, done with sockets, files and a handler. It decides nothing itself.

async with Terminal(url, tenant, key, cursor=FileCursor(path)) as terminal:
    async for event in terminal:
        ...
"""

import asyncio
import contextlib
import random
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from bellwire_terminal.claims import Claim
from bellwire_terminal.clock import Clock
from bellwire_terminal.commands import Commands
from bellwire_terminal.core.config import DOORS, Config
from bellwire_terminal.core.machine import Machine
from bellwire_terminal.core.records import Damaged
from bellwire_terminal.cursors import Cursor, MemoryCursor
from bellwire_terminal.errands import Errands
from bellwire_terminal.errors import STOPS, Stopped
from bellwire_terminal.event import Event
from bellwire_terminal.files import DeadLetters
from bellwire_terminal.http import Client, detail_of
from bellwire_terminal.links import PAGE_EVENTS, Link
from bellwire_terminal.network import Network
from bellwire_terminal.outbox import Outbox

STOP_SECONDS = 5.0

State = Mapping[str, Any]
Handler = Callable[[Event], Awaitable[None]]


class Terminal(Commands):
    """A terminal of a shop, from its first connection to its last.

    `on_state` gets what a screen shows: `{"state": "live"}`, `{"state": "catching_up", "done": 12, "of": 50}`,
    `{"state": "offline", "since": <moment>}`, `replaced`, `revoked` …; `on_report` what went wrong by the way;
    `on_replaced` is asked, after another device took this terminal's place, whether to take it back.
    `parse_float` makes a subclass of float of the text of a number with a point.

    Raises:
        ValueError: the address, the key or a wish is none.
    """

    def __init__(
        self,
        url: str,
        tenant: str,
        key: str,
        *,
        cursor: Cursor | None = None,
        outbox: Outbox | None = None,
        dead_letters: DeadLetters | None = None,
        start: str = "acked",
        types: Iterable[str] = (),
        stations: Iterable[str] = (),
        categories: Iterable[str] = (),
        doors: Iterable[str] = DOORS,
        acks: bool = True,
        snapshots: bool = True,
        window: int = 64,
        attempts: int = 3,
        on_damage: str = "stop",
        on_state: Callable[[State], None] | None = None,
        on_report: Callable[[Mapping[str, Any]], None] | None = None,
        on_replaced: Callable[[], Awaitable[bool]] | None = None,
        parse_float: Callable[[str], Any] = float,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        wanted = {"types": list(types), "stations": list(stations), "categories": list(categories)}
        wishes = {
            "tenant": tenant, "start": start, "filter": wanted, "doors": list(doors), "acks": acks,
            "snapshots": snapshots, "window": window, "attempts": attempts, "onDamage": on_damage,
        }  # fmt: skip
        self._machine = Machine(Config.of(wishes))
        self._client = Client(url, key, tls)
        self._client.parse_float = parse_float
        self._errands = Errands(self._client, tenant, self._feed)
        self._clock = clock or Clock()
        self._network = Network()
        self._cursor = cursor or MemoryCursor()
        self._dead = dead_letters
        self._on_state = on_state
        self._on_report = on_report
        self._on_replaced = on_replaced
        self._tenant = tenant
        self._limit = str(min(window, PAGE_EVENTS))
        self.outbox = outbox or Outbox(clock=self._clock)
        super().__init__(self.outbox, tenant)
        self._inputs: deque[dict[str, Any]] = deque()
        self._pumping = False
        self._link: Link | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._event: Event | None = None
        # The event lies ready for its owner, or the owner has it: only then can it be handled.
        self._ready = self._taken = False
        self._told = asyncio.Event()
        self._end: Stopped | None = None
        self._fault: BaseException | None = None
        self.state: State = {"state": "new"}

    @property
    def offset(self) -> str | None:
        """The last offset that was handled and kept."""
        return self._machine.cursor

    # Life.

    async def __aenter__(self) -> "Terminal":
        """Read the disk, and connect.

        Raises:
            CursorDamaged: the cursor's file is damaged and `on_damage` is `stop`, or it is another shop's.
            Damaged: the outbox's file is damaged.
            InUse: another terminal has the outbox's file.
        """
        try:
            kept = self._cursor.load()
            start: dict[str, Any] = {"cursor": kept}
        except Damaged as exc:
            start = {"cursor": None, "damaged": str(exc)}
        self.outbox.start(self._client)
        self._feed("start", **start)
        if self._end is not None:
            await self._close()
            raise self._end
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End it: an event in the hand is not done, what is on the disk is acknowledged."""
        self._feed("stop")
        await self._close()

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self.outbox.close()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=STOP_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Events.

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next event; to ask for it is to say that the one before is handled.

        Raises:
            Revoked, Replaced, StorageFailed, Stopped: the stream is over for good.
            StopAsyncIteration: it was ended by `stop`.
        """
        await self.handled()
        return await self._next()

    async def handled(self) -> None:
        """The event in the hand is handled: wait until that is on the disk."""
        if self._taken and self._event is not None:
            event = self._event
            self._taken = False
            self._feed("handled", offset=event.offset)
            while self._fault is None and self._end is None and self._machine.cursor != event.offset:
                if self._event is not event:
                    break
                await self._news()

    async def run(self, handler: Handler) -> None:
        """Handle every event until it is over. A handler that raises is tried again, and then its event is put aside.

        Raises:
            Revoked, Replaced, StorageFailed, Stopped: as iterating.
        """
        with contextlib.suppress(StopAsyncIteration):
            while True:
                event = await self._next()
                try:
                    await handler(event)
                except Exception as exc:
                    self._taken = False
                    self._feed("raised", offset=event.offset, error=f"{type(exc).__name__}: {exc}")
                else:
                    await self.handled()

    async def _next(self) -> Event:
        while self._event is None or not (self._ready or self._taken):
            if self._fault is not None:
                raise self._fault
            if self._end is not None:
                if self._end.reason == "closed":
                    raise StopAsyncIteration
                raise self._end
            await self._news()
        self._ready, self._taken = False, True
        return self._event

    async def _news(self) -> None:
        self._told.clear()
        await self._told.wait()

    def claim(self, order: Event | str, purpose: str, *, ttl: int = 30) -> Claim:
        """Ask to be the one that does this with an order: `async with terminal.claim(event, "print") as claim`.

        It is renewed while the block runs, and done when the block ends without an exception.
        """
        order_id = order.data["orderId"] if isinstance(order, Event) else order
        return Claim(self._client, self.outbox, self._network, self._tenant, str(order_id), purpose, ttl)

    def online(self) -> None:
        """The system says that there is a network again: no pause of our own is waited out, a stream is looked at."""
        self._feed("online")
        self._network.back()
        self.outbox.online()

    # The machine.

    def _feed(self, type_: str, **members: Any) -> None:
        """Give the machine an input, and do what it says; what comes of that at once is taken in its turn."""
        self._inputs.append({"type": type_, **members})
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._inputs:
                moment = {"at": self._clock.now_ms(), "chance": random.random()}  # noqa: S311 - jitter, no secret
                for output in self._machine.receive({**self._inputs.popleft(), **moment}):
                    self._perform(output)
        finally:
            self._pumping = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._machine.due is not None:
            self._timer = self._clock.call_at(self._machine.due, lambda: self._feed("wake"))
        self._told.set()

    def _perform(self, output: dict[str, Any]) -> None:
        getattr(self, f"_do_{output['type']}")(output)

    def _do_connect(self, output: dict[str, Any]) -> None:
        self._link = self._new_link(output["link"], output["door"])
        query = self._query(output)
        self._link.start(
            self._link.websocket(query) if output["door"] == "websocket" else self._link.sse(query)
        )

    def _do_poll(self, output: dict[str, Any]) -> None:
        if self._link is None or self._link.number != output["link"]:
            self._link = self._new_link(output["link"], "poll")
        self._link.start(self._link.poll(self._query(output) | {"limit": self._limit}, output["wait"]))

    def _new_link(self, number: int, door: str) -> Link:
        return Link(number, door, self._client, self._tenant, self._feed, self._finished)

    @staticmethod
    def _query(output: dict[str, Any]) -> dict[str, str]:
        query = {name: ",".join(values) for name, values in output["filter"].items()}
        return query if output["after"] is None else {"after": output["after"], **query}

    def _do_close(self, output: dict[str, Any]) -> None:
        if self._link is not None and self._link.number == output["link"]:
            self._start(self._link.close(output["code"]))
            self._link = None

    def _do_pause(self, _: dict[str, Any]) -> None:
        if self._link is not None:
            self._link.pause()

    def _do_resume(self, _: dict[str, Any]) -> None:
        if self._link is not None:
            self._link.resume()

    def _do_send(self, output: dict[str, Any]) -> None:
        if self._link is not None:
            self._start(self._link.send(output["message"]))

    def _do_deliver(self, output: dict[str, Any]) -> None:
        self._event, self._ready, self._taken = Event.of(output), True, False

    def _do_store(self, output: dict[str, Any]) -> None:
        kept = output["cursor"]
        if self._cursor.blocking:
            self._start(self._store(kept))
            return
        self._cursor.save(kept)
        self._feed("stored", offset=kept["offset"])

    async def _store(self, kept: dict[str, Any]) -> None:
        try:
            await asyncio.to_thread(self._cursor.save, kept)
        except OSError as exc:
            self._feed("store_failed", detail=str(exc))
        else:
            self._feed("stored", offset=kept["offset"])

    def _do_bury(self, output: dict[str, Any]) -> None:
        assert self._event is not None
        at = datetime.now(timezone.utc).isoformat()
        told = {"attempts": output["attempts"], "error": output["error"], "at": at}
        self._start(self._bury({"event": dict(self._event), **told}))

    async def _bury(self, letter: dict[str, Any]) -> None:
        try:
            if self._dead is not None:
                await asyncio.to_thread(self._dead.add, letter)
        except OSError as exc:
            self._feed("store_failed", detail=str(exc))
        else:
            self._feed("buried", offset=letter["event"]["offset"])

    def _do_post_ack(self, output: dict[str, Any]) -> None:
        self._start(self._errands.post_ack(output["body"]))

    def _do_fetch_order(self, output: dict[str, Any]) -> None:
        self._start(self._errands.fetch_order(output["offset"], output["orderId"]))

    def _do_fetch_snapshot(self, _: dict[str, Any]) -> None:
        self._start(self._errands.fetch_snapshot())

    def _do_state(self, output: dict[str, Any]) -> None:
        state = {name: value for name, value in output.items() if name != "type"}
        if "since" in state:
            since = (self._clock.wall_ms() - (self._clock.now_ms() - state["since"])) / 1000
            state["since"] = datetime.fromtimestamp(since, timezone.utc)
        self.state = state
        self._tell(self._on_state, state)

    def _do_report(self, output: dict[str, Any]) -> None:
        self._tell(self._on_report, {name: value for name, value in output.items() if name != "type"})

    def _do_wait(self, output: dict[str, Any]) -> None:
        told = {"kind": "wait", **{name: output[name] for name in ("ms", "door", "why")}}
        self._tell(self._on_report, told)

    def _tell(self, owner: Callable[[Mapping[str, Any]], None] | None, said: Mapping[str, Any]) -> None:
        """Tell the owner. An error of the callback ends the iteration with it; everything else is still done."""
        if owner is None:
            return
        try:
            owner(said)
        except Exception as exc:
            self._fault = self._fault or exc
            self._told.set()

    def _do_ask(self, _: dict[str, Any]) -> None:
        self._start(self._ask_owner())

    async def _ask_owner(self) -> None:
        back = self._on_replaced is not None and await self._on_replaced()
        self._feed("owner", decision="return" if back else "stop")

    def _do_stop(self, output: dict[str, Any]) -> None:
        kind = STOPS.get(output["reason"], Stopped)
        refusal = self._link.refusal if self._link is not None else b""
        said = detail_of(refusal) if output["code"] in (400, 401, 403, 404, 422) else None
        self._end = kind(output["reason"], output["code"], said or output["detail"])

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        """A piece of work is over. One that raised is a fault of ours: loud, and not a stream that stands still."""
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None and self._fault is None:
            self._fault = fault
            self._told.set()
