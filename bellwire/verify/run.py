"""One run of the checker: shops of its own, load, calm, a last look, and everything that was noted.

The shops are those of the estate. Events from before the run are none of its business.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bellwire.verify.client import Client, Reply
from bellwire.verify.estate import Estate, Shop
from bellwire.verify.judge import judge
from bellwire.verify.looks import list_events, look_at_orders
from bellwire.verify.notes import Listed, Notes, TerminalNotes, Violation, parse
from bellwire.verify.polling import PollingTill
from bellwire.verify.settings import Load
from bellwire.verify.storefront import Storefront
from bellwire.verify.streaming import StreamingTill
from bellwire.verify.till import Telemetry, Till
from bellwire.verify.trouble import Unreachable
from bellwire.verify.websocket import WebSocketTill

KNOCK_SECONDS = 5.0
REGISTERING_SECONDS = 120.0
LOOKING_AT_ONCE = 16
READY_SECONDS = 30.0
LOOK_SECONDS = 0.1
# After everything has arrived, what should not arrive is given this long to be wrong, and the last acks to be heard.
SILENCE_SECONDS = 1.0
# Short, so that orders alarm within a run: always at the last shop, whose terminals never ack.
ACK_DEADLINE_SECONDS = 5
FILTERED = 0.1
# A terminal that joins in mid-load stays for a moment only: the client's own machine has to follow all of them.
JOINED_SECONDS = 1.0
FROM_THE_BEGINNING = 0.3

Say = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """The result of a run."""

    notes: Notes
    violations: list[Violation] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    troubles: list[tuple[float, int]] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)
    began_at: float = 0.0
    ended_at: float = 0.0


class Run:
    """Makes one run. Use once."""

    def __init__(self, load: Load, say: Say) -> None:
        self._load = load
        self._say = say
        self._chance = random.Random(load.seed)  # noqa: S311 - a run must be repeatable
        self._client = Client(load.url, random.Random(load.seed + 1))  # noqa: S311
        # Apart, so that the statuses of polls through a broken network are not those of the cluster's answers.
        self._polls = Client(load.terminal_url, random.Random(load.seed + 2))  # noqa: S311
        self._telemetry = Telemetry()
        self._estate = Estate(self._client, load.operator_key, load.name, load.estate, ACK_DEADLINE_SECONDS)
        self._shops: list[Storefront] = []
        self._tills: list[Till] = []
        self._joiners: list[Till] = []
        self._places: dict[str, Shop] = {}
        self._slots = asyncio.Semaphore(LOOKING_AT_ONCE)
        self._over = asyncio.Event()

    def enough(self) -> None:
        """End the load now; what follows it goes on."""
        self._over.set()

    async def run(self) -> Outcome:
        """Register, load, settle, judge.

        Raises:
            Unreachable: the cluster could not even be set up, or not be looked at in the end.
        """
        try:
            return await self._run()
        finally:
            # However it ends: no shop, no key and no alarm is left.
            for slug in await self._estate.leave():
                self._say(f"could not delete the test tenant {slug}")
            await asyncio.gather(self._client.close(), self._polls.close())

    async def _run(self) -> Outcome:
        tasks: list[asyncio.Task[None]] = []
        try:
            self._estate.recall()
            await self._knock()
            await self._register()
            tasks += [asyncio.create_task(till.run()) for till in self._tills]
            await self._all_ready()
            self._client.statuses.clear()
            self._say("load begins")
            outcome = Outcome(Notes(), telemetry=self._telemetry, began_at=time.time())
            tasks += await self._put_load()
            outcome.ended_at = time.time()
            self._say("load ends")
            await self._settle(outcome.notes)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # The terminals are quiet now; only then does the log stand still for those who compare.
        await self._look_again(outcome.notes)
        outcome.notes.terminals = [till.notes for till in self._tills]
        outcome.notes.writes = [write for shop in self._shops for write in shop.writes]
        until = asyncio.get_running_loop().time() + self._load.settle_seconds
        await look_at_orders(self._client, list(self._places.values()), outcome.notes, self._chance, until)
        outcome.violations = judge(outcome.notes)
        outcome.statuses = dict(self._client.statuses)
        outcome.troubles = self._client.troubles
        return outcome

    # -- before --------------------------------------------------------------------------------------------------

    async def _knock(self) -> None:
        """See that somebody is there and knows the key, before anything is waited for at length.

        Raises:
            Unreachable: nobody, or it is not an operator's key.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + KNOCK_SECONDS
        reply: Reply | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while reply is None:
                    reply = await self._client.once("GET", "/api/whoami", self._load.operator_key)
                    await asyncio.sleep(0 if reply else LOOK_SECONDS)
        if reply is None:
            raise Unreachable(f"nobody answers at {self._load.url}")
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise Unreachable(
                f"the key is not valid at {self._load.url}; an operator's key is needed (BELLWIRE_KEY)"
            )
        if reply.status == HTTPStatus.OK and b'"kind"' not in reply.content:
            raise Unreachable(f"{self._load.url} answers, and is not Bellwire")
        if reply.status == HTTPStatus.OK and b'"op"' not in reply.content:
            raise Unreachable(
                "this is not an operator's key, which is needed to register shops (BELLWIRE_KEY)"
            )

    async def _register(self) -> None:
        until = asyncio.get_running_loop().time() + REGISTERING_SECONDS
        numbers = range(1, self._load.tenants + 1)
        await asyncio.gather(*(self._open_shop(number, until) for number in numbers))
        self._estate.keep()

    async def _open_shop(self, number: int, until: float) -> None:
        load = self._load
        tills = [f"till-{index}" for index in range(load.terminals)]
        joins = [f"join-{index}" for index in range(load.joins if number == 1 else 0)]
        shop = await self._estate.shop(number, tills + joins, until)
        self._places[shop.slug] = shop
        mute = 1 < number == load.tenants
        self._tills += [self._till(shop.slug, name, shop.terminals[name].key, mute=mute) for name in tills]
        self._joiners += [self._joiner(shop.slug, name, shop.terminals[name].key) for name in joins]
        # The run is part of it: two runs at one shop are not to be the same customers.
        chance = random.Random(f"{load.seed}/{load.run}/{number}")  # noqa: S311
        front = Storefront(self._client, shop.slug, shop.key, shop.auditor, load.run, chance)
        self._shops.insert(0 if number == 1 else len(self._shops), front)

    def _till(self, tenant: str, name: str, key: str, *, mute: bool) -> Till:
        load = self._load
        # A chance of its own for each, by name: who is what does not hang on who came first.
        chance = random.Random(f"{load.seed}/{tenant}/{name}")  # noqa: S311
        transport = chance.random()
        options: dict[str, Any] = {"crash": load.crash, "mute": mute}
        arguments = (load.terminal_url, tenant, key, name, self._telemetry, chance)
        if transport < load.polling:
            return PollingTill(self._polls, *arguments, **options)
        options["reconnect_seconds"] = load.reconnect_seconds
        options["types"] = frozenset({"new_order"}) if chance.random() < FILTERED else None
        if transport < load.polling + load.streaming:
            return StreamingTill(self._polls, *arguments, **options)
        return WebSocketTill(*arguments, **options)

    def _joiner(self, tenant: str, name: str, key: str) -> Till:
        load = self._load
        chance = random.Random(f"{load.seed}/{tenant}/{name}")  # noqa: S311
        # A shop of many runs retains more than a visit can read; a terminal that asks for all of it does nothing else.
        start = "0" if load.estate is None and chance.random() < FROM_THE_BEGINNING else None
        return WebSocketTill(
            load.terminal_url, tenant, key, name, self._telemetry, chance,
            start=start, reconnect_seconds=load.reconnect_seconds, crash=load.crash,
        )  # fmt: skip

    async def _all_ready(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                for till in self._tills:
                    await till.ready.wait()
        except TimeoutError:
            raise Unreachable("not every terminal could connect before the load") from None

    # -- the load ------------------------------------------------------------------------------------------------

    async def _put_load(self) -> list[asyncio.Task[None]]:
        load, loop = self._load, asyncio.get_running_loop()
        most = load.most_seconds if load.until_signal else load.seconds
        loop.call_later(most, self.enough)
        until = loop.time() + most + load.settle_seconds
        writes: list[asyncio.Task[None]] = []

        async def place(rate: float, kind: str | None, shops: list[Storefront]) -> None:
            due = loop.time()
            while rate and not await self._over_by(due := due + self._chance.expovariate(rate)):
                shop = self._chance.choice(shops)
                writes.append(asyncio.create_task(shop.write(until, kind)))

        async def visit(till: Till) -> None:
            task = asyncio.create_task(till.run())
            try:
                await till.ready.wait()
                await asyncio.sleep(JOINED_SECONDS)
            finally:
                till.notes.ended = till.ready.is_set()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        async def join() -> list[asyncio.Task[None]]:
            joined = []
            for till in self._joiners:
                self._tills.append(till)
                joined.append(asyncio.create_task(visit(till)))
                await asyncio.sleep(0.8 * load.seconds / len(self._joiners))
            return joined

        _, _, joined = await asyncio.gather(
            place(load.rate, None, self._shops), place(load.hot_rate, "order", self._shops[:1]), join()
        )
        await self._over.wait()
        await asyncio.gather(*writes)
        return joined

    async def _over_by(self, moment: float) -> bool:
        """Wait until then (the loop's time), or until the load is over; whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(moment):
                await self._over.wait()
        return self._over.is_set()

    # -- after ---------------------------------------------------------------------------------------------------

    async def _settle(self, notes: Notes) -> None:
        until = asyncio.get_running_loop().time() + self._load.settle_seconds
        for till in self._tills:
            till.calm()
        await asyncio.gather(*(self._look(shop, notes, until) for shop in self._shops))
        late = [(till.notes, last_for(till.notes, notes.listed[till.notes.tenant])) for till in self._tills]
        while late and asyncio.get_running_loop().time() < until:
            late = [(mine, last) for mine, last in late if not has_come_to(mine, last)]
            await asyncio.sleep(LOOK_SECONDS)
        for till in self._tills:
            till.hush()
        await asyncio.sleep(SILENCE_SECONDS)

    async def _look(self, shop: Storefront, notes: Notes, until: float) -> None:
        async with self._slots:
            notes.balances += await shop.balances(until)
            listed = await self._list(shop.tenant, self._begin(shop.tenant), until)
            notes.listed[shop.tenant] = listed
            notes.waited[shop.tenant] = listed[-1].offset if listed else self._begin(shop.tenant)

    async def _look_again(self, notes: Notes) -> None:
        """An alarm may have come in the meantime, and what came to a terminal must be in the log."""
        until = asyncio.get_running_loop().time() + self._load.settle_seconds
        seen: dict[str, tuple[int, int]] = {}
        for till in self._tills:
            position = parse(till.notes.position or "0")
            seen[till.notes.tenant] = max(seen.get(till.notes.tenant, position), position)

        async def look(tenant: str) -> None:
            async with self._slots:
                listed = notes.listed[tenant]
                after = listed[-1].offset if listed else self._begin(tenant)
                later = await self._list(tenant, after, until)
                listed += [event for event in later if parse(event.offset) <= seen[tenant]]

        await asyncio.gather(*(look(tenant) for tenant in notes.listed))

    async def _list(self, tenant: str, after: str, until: float) -> list[Listed]:
        return await list_events(self._client, tenant, after, self._places[tenant].auditor, until)

    def _begin(self, tenant: str) -> str:
        """Where the first terminal of the shop began; nothing before it is of this run."""
        starts = (till.notes.start for till in self._tills if till.notes.tenant == tenant)
        return min((start for start in starts if start is not None), key=parse)


def last_for(notes: TerminalNotes, listed: list[Listed]) -> tuple[int, int]:
    """The last offset that a terminal is to come to; (0, 0) when there is nothing for it."""
    wanted = (event for event in reversed(listed) if notes.types is None or event.type in notes.types)
    return next((parse(event.offset) for event in wanted), (0, 0))


def has_come_to(notes: TerminalNotes, last: tuple[int, int]) -> bool:
    """Whether a terminal has come to its end, or owes nothing."""
    return notes.ended or (notes.position is not None and parse(notes.position) >= last)
