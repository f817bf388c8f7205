"""One run of the checker: shops of its own, load, calm, a last look, and everything that was noted.

Registers tenants `verify-<run>-<n>` and their terminals; takes the terminals away again at the end.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bellwire.verify.door import Door, Unreachable
from bellwire.verify.judge import Violation, judge
from bellwire.verify.notes import Listed, Notes, TerminalNotes, parse
from bellwire.verify.polling import PollingTill
from bellwire.verify.settings import Load
from bellwire.verify.storefront import Storefront
from bellwire.verify.till import Telemetry, Till, digest
from bellwire.verify.websocket import WebSocketTill

REGISTERING_SECONDS = 60.0
REGISTERING_AT_ONCE = 8
READY_SECONDS = 30.0
PAGE_EVENTS = 500
LOOK_SECONDS = 0.1
# After everything has arrived, what should not arrive is given this long to be wrong.
SILENCE_SECONDS = 0.5
FILTERED = 0.1
# Whoever joins in mid-load stays for a moment only: the client's own machine has to follow all of them.
JOINED_SECONDS = 2.0
FROM_THE_BEGINNING = 0.3

Say = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

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
        self._door = Door(load.url, random.Random(load.seed + 1))  # noqa: S311
        # Apart, so that the statuses of polls through a broken network are not those of the cluster's answers.
        self._polls = Door(load.terminal_url, random.Random(load.seed + 2))  # noqa: S311
        self._telemetry = Telemetry()
        self._shops: list[Storefront] = []
        self._tills: list[Till] = []
        self._joiners: list[Till] = []
        self._auditors: dict[str, str] = {}
        self._registered: list[tuple[str, str]] = []
        self._slots = asyncio.Semaphore(REGISTERING_AT_ONCE)

    async def run(self) -> Outcome:
        """Register, load, settle, judge.

        Raises:
            Unreachable: the cluster could not even be set up, or not be looked at in the end.
        """
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._register()
            tasks += [asyncio.create_task(till.run()) for till in self._tills]
            await self._all_ready()
            self._door.statuses.clear()
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
        outcome.notes.terminals = [till.notes for till in self._tills]
        outcome.notes.writes = [write for shop in self._shops for write in shop.writes]
        outcome.violations = judge(outcome.notes)
        outcome.statuses = dict(self._door.statuses)
        outcome.troubles = self._door.troubles
        await self._unregister()
        await asyncio.gather(self._door.close(), self._polls.close())
        return outcome

    # -- before --------------------------------------------------------------------------------------------------

    async def _register(self) -> None:
        until = asyncio.get_running_loop().time() + REGISTERING_SECONDS
        numbers = range(1, self._load.tenants + 1)
        self._shops = list(await asyncio.gather(*(self._open_shop(number, until) for number in numbers)))
        first = self._shops[0].tenant
        self._joiners = list(
            await asyncio.gather(
                *(
                    self._add_till(first, f"join-{number}", until, join=True)
                    for number in range(self._load.joins)
                )
            )
        )

    async def _open_shop(self, number: int, until: float) -> Storefront:
        load, tenant = self._load, self._load.slug(number)
        made = await self._ask("POST", "/api/tenants", {"slug": tenant, "name": f"Verify {number}"}, until)
        self._auditors[tenant] = await self._add_terminal(tenant, "auditor", until)
        for index in range(load.terminals):
            self._tills.append(await self._add_till(tenant, f"till-{index}", until))
        chance = random.Random(load.seed * 100_003 + number)  # noqa: S311
        return Storefront(self._door, tenant, made["storefrontKey"], self._auditors[tenant], load.run, chance)

    async def _add_till(self, tenant: str, name: str, until: float, *, join: bool = False) -> Till:
        load = self._load
        key = await self._add_terminal(tenant, name, until)
        # A chance of its own for each, by name: who is what does not hang on who came first.
        chance = random.Random(f"{load.seed}/{tenant}/{name}")  # noqa: S311
        polls = not join and chance.random() < load.polling
        types = frozenset({"new_order"}) if not polls and chance.random() < FILTERED else None
        start = "0" if join and chance.random() < FROM_THE_BEGINNING else None
        url, telemetry = load.terminal_url, self._telemetry
        if polls:
            return PollingTill(self._polls, url, tenant, key, name, telemetry, chance, crash=load.crash)
        return WebSocketTill(
            url, tenant, key, name, telemetry, chance,
            start=start, types=types, reconnect_seconds=load.reconnect_seconds, crash=load.crash,
        )  # fmt: skip

    async def _add_terminal(self, tenant: str, name: str, until: float) -> str:
        made = await self._ask("POST", f"/api/tenant/{tenant}/terminals", {"name": name}, until)
        self._registered.append((tenant, str(made["terminalId"])))
        return str(made["key"])

    async def _ask(self, method: str, path: str, body: dict[str, str], until: float) -> dict[str, str]:
        async with self._slots:
            answer = await self._door.decided(method, path, self._load.operator_key, until=until, json=body)
        if not answer.accepted:
            raise Unreachable(f"{method} {path}: {answer.status} {answer.body.get('detail', '')}")
        return {name: str(value) for name, value in answer.body.items()}

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
        ends = loop.time() + load.seconds
        until = ends + load.settle_seconds
        writes: list[asyncio.Task[None]] = []

        async def place(rate: float, kind: str | None, shops: list[Storefront]) -> None:
            due = loop.time()
            while rate and (due := due + self._chance.expovariate(rate)) < ends:
                await asyncio.sleep(due - loop.time())
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
        await asyncio.sleep(max(0.0, ends - loop.time()))
        await asyncio.gather(*writes)
        return joined

    # -- after ---------------------------------------------------------------------------------------------------

    async def _settle(self, notes: Notes) -> None:
        until = asyncio.get_running_loop().time() + self._load.settle_seconds
        for till in self._tills:
            till.calm()
        for shop in self._shops:
            notes.balances += await shop.balances(until)
            notes.listed[shop.tenant] = await self._list(shop.tenant, until)
        while asyncio.get_running_loop().time() < until:
            if all(has_all(till.notes, notes.listed[till.notes.tenant]) for till in self._tills):
                break
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(SILENCE_SECONDS)
        # Once more: an alarm may have come in the meantime, and what came to a terminal must be in here.
        for shop in self._shops:
            before = len(notes.listed[shop.tenant])
            listed = await self._list(shop.tenant, until + self._load.settle_seconds)
            notes.listed[shop.tenant] = listed[:before] + [
                event for event in listed[before:] if self._was_seen(shop.tenant, event)
            ]

    def _was_seen(self, tenant: str, event: Listed) -> bool:
        mine = (till.notes for till in self._tills if till.notes.tenant == tenant)
        return any(seen.offset == event.offset for notes in mine for seen in notes.applied[-5:])

    async def _list(self, tenant: str, until: float) -> list[Listed]:
        listed: list[Listed] = []
        after, more = "0", True
        while more:
            path = f"/api/tenant/{tenant}/events?after={after}&limit={PAGE_EVENTS}"
            answer = await self._door.decided("GET", path, self._auditors[tenant], until=until)
            if not answer.accepted:
                raise Unreachable(f"GET {path}: {answer.status}")
            listed += [
                Listed(event["offset"], event["tenant"], event["type"], digest(event), event["data"])
                for event in answer.body["events"]
            ]
            after, more = answer.body["offset"], answer.body["more"]
        return listed

    async def _unregister(self) -> None:
        async def remove(tenant: str, terminal: str) -> None:
            async with self._slots:
                path = f"/api/tenant/{tenant}/terminals/{terminal}"
                await self._door.once("DELETE", path, self._load.operator_key)

        await asyncio.gather(*(remove(*each) for each in self._registered))


def has_all(notes: TerminalNotes, listed: list[Listed]) -> bool:
    """Whether a terminal has come to the end of what is listed for it."""
    if notes.ended:
        return True
    wanted = [event for event in listed if notes.types is None or event.type in notes.types]
    if not wanted:
        return notes.start is not None
    return notes.position is not None and parse(notes.position) >= parse(wanted[-1].offset)
