"""Pods of two releases on one database and one Redis, load that goes through all of them, and the verdict.

    async with mixture_of(old, new, database_url, operator_key, "name") as mixture:
        await mixture.stage(Stage("the API first", apis="both", gateways="old", kill=("new api",)))
        assert await mixture.verdict() == []

`Side` is one release's pods. `Doors` is balancer and clients in one: each attempt goes to the next API pod,
and many a write is repeated at the other one. Tills are pinned to each side's gateway, or roam. To put more under load,
give `Storefront` another kind of write; to look at more in the end, add to `verdict`.
"""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from api.db.audit import audit
from bellwire.verify.client import Client, Reply
from bellwire.verify.estate import Estate
from bellwire.verify.judge import judge
from bellwire.verify.notes import Answer, Listed, Notes
from bellwire.verify.run import has_come_to, last_for
from bellwire.verify.storefront import Storefront
from bellwire.verify.till import Telemetry, Till, digest
from bellwire.verify.websocket import WebSocketStream, WebSocketTill
from infra.local.pods import Pod, Role
from infra.local.ports import free_port
from tests.conftest import QUICK

Which = Literal["old", "new", "both"]

SHOPS = 3
WRITES_A_SECOND = 14.0
WRITES_A_POD = 8
"""A stage is over when each API pod that takes part accepted so many."""
RECONNECT_SECONDS = 1.5
PATIENCE_SECONDS = 45.0
"""For a stage, a write, and for everything to arrive in the end."""
SILENCE_SECONDS = 0.5
REPEATED, AT_ONCE = 0.4, 0.5
PAGE_EVENTS = 500
# Lines that no pod's log may hold: a bug, or a statement that the schema does not know.
ALARMING = ("Traceback", "task.died", "server.error", "UndefinedColumn")


@dataclass(slots=True)
class Side:
    """One release: where its code is, what runs it, and its two pods."""

    name: Literal["old", "new"]
    tree: Path
    python: str
    env: dict[str, str]
    lines: dict[str, list[str]] = field(default_factory=dict)
    pods: dict[Role, Pod] = field(default_factory=dict)

    def start(self) -> None:
        """Start an API pod and a gateway."""
        roles: tuple[Role, ...] = ("api", "gateway")
        for role in roles:
            self.pods[role] = self._pod(role)
            self.pods[role].start()

    def await_ready(self) -> None:
        """Wait until both are ready; from then on they come back whenever they end."""
        for pod in self.pods.values():
            pod.await_ready()

    def stop(self) -> None:
        """Stop both."""
        for pod in self.pods.values():
            pod.stop(10)

    def command(self, *words: str) -> list[str]:
        """A command line of this release."""
        return [self.python, "-m", "bellwire", *words]

    def _pod(self, role: Role) -> Pod:
        name = f"{self.name}-{role}"
        lines = self.lines.setdefault(name, [])
        env = {**self.env, **QUICK, "BELLWIRE_POD_NAME": name}
        return Pod(
            role, name, self.command(role), free_port(), env=env, cwd=self.tree,
            sink=lambda _, line: lines.append(line),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment of an upgrade: who takes part, and who is killed in the middle of it (`"old api"`, …)."""

    says: str
    apis: Which
    gateways: Which
    kill: tuple[str, ...] = ()


class Doors(Client):
    """Every API pod that takes part, one attempt after the other; what must not differ between them is compared."""

    def __init__(self, pods: Callable[[], Sequence[Pod]], chance: random.Random) -> None:
        self._pods = pods
        self._chance = chance
        self._turn = 0
        self._clients: dict[str, Client] = {}
        self.statuses: Counter[int] = Counter()
        self.troubles: list[tuple[float, int]] = []
        self.by_pod: Counter[tuple[str, int]] = Counter()
        self.complaints: list[str] = []
        self.repeats = 0

    async def close(self) -> None:
        """Close every client."""
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    async def once(
        self, method: str, path: str, key: str, *, at: Pod | None = None, **more: Any
    ) -> Reply | None:
        """One attempt, at this pod while it takes part, else at the next one."""
        pods = self._pods()
        self._turn += 1
        pod = at if at is not None and at in pods else pods[self._turn % len(pods)]
        if pod.url not in self._clients:
            self._clients[pod.url] = Client(pod.url, self._chance)
        reply = await self._clients[pod.url].once(method, path, key, **more)
        status = 0 if reply is None else reply.status
        self.statuses[status] += 1
        self.by_pod[pod.name, status] += 1
        return reply

    async def decided(
        self,
        method: str,
        path: str,
        key: str,
        *,
        until: float,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Answer:
        """As a client's, and many a write is repeated at each pod: later, or in the same moment."""

        async def ask(at: Pod | None) -> Answer:
            return await super(Doors, self).decided(
                method, path, key, until=until, idempotency_key=idempotency_key, at=at, **more
            )

        if idempotency_key is None or self._chance.random() >= REPEATED:
            return await ask(None)
        self.repeats += 1
        pods = list(self._pods())
        self._chance.shuffle(pods)
        if len(pods) == 1:
            pods *= 2
        if self._chance.random() < AT_ONCE:
            answers = await asyncio.gather(*(ask(pod) for pod in pods))
        else:
            answers = [await ask(pod) for pod in pods]
        if any(answer != answers[0] for answer in answers):
            told = [
                f"{pod.name}: {answer.status} {answer.body}"
                for pod, answer in zip(pods, answers, strict=True)
            ]
            self.complaints.append(f"{method} {path}: one write, several answers: {told}")
        return answers[0]


class RoamingTill(WebSocketTill):
    """A till that is at another gateway each time it connects."""

    gateways: Callable[[], Sequence[Pod]]

    async def connect(self, query: dict[str, str]) -> WebSocketStream:
        """Open a connection to the next one."""
        self._url = self._chance.choice(list(self.gateways())).url
        return await super().connect(query)


class Mixture:
    """Made by `mixture_of`, which starts it and ends it."""

    def __init__(
        self, old: Side, new: Side, database_url: str, operator_key: str, name: str, patience: float
    ) -> None:
        self.sides = {"old": old, "new": new}
        self.apis: list[Pod] = [old.pods["api"]]
        self.gateways: list[Pod] = [old.pods["gateway"]]
        self._database_url = database_url
        self._chance = random.Random(name)
        self.doors = Doors(lambda: self.apis, self._chance)
        self._estate = Estate(self.doors, operator_key, name, None)
        self._name = name
        self._shops: list[Storefront] = []
        self._tills: list[Till] = []
        self._auditors: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._writes: set[asyncio.Task[None]] = set()
        self._patience = patience
        self._telemetry = Telemetry()
        # Earlier lines of the logs are another mixture's.
        self._read = {name: len(lines) for side in self.sides.values() for name, lines in side.lines.items()}

    def pods(self, which: Which, role: Role) -> list[Pod]:
        """The pods of a role that take part."""
        return [side.pods[role] for name, side in self.sides.items() if which in (name, "both") and side.pods]

    def _later(self) -> float:
        return asyncio.get_running_loop().time() + self._patience

    def tills(self, name: str) -> list[Till]:
        """Each shop's till of a name."""
        return [till for till in self._tills if till.notes.terminal == name]

    @property
    def accepted(self) -> dict[str, int]:
        """How many answers each API pod gave that accepted something."""
        return {pod.name: self._accepted(pod) for pod in self.pods("both", "api")}

    # -- the load ------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Open shops, connect tills, and put load on."""
        until = self._later()
        names = [f"at-{name}" for name, side in self.sides.items() if side.pods] + ["roams-1", "roams-2"]
        for number in range(SHOPS):
            shop = await self._estate.shop(number, names, until)
            self._auditors[shop.slug] = shop.auditor
            chance = random.Random(f"{self._name}/{number}")
            self._shops.append(Storefront(self.doors, shop.slug, shop.key, shop.auditor, self._name, chance))
            for name in names:
                self._tills.append(self._till(shop.slug, name, shop.terminals[name].key))
        self._tasks += [asyncio.create_task(till.run()) for till in self._tills]
        async with asyncio.timeout(self._patience):
            for till in self._tills:
                # One that is pinned to the new side comes when that has its schema.
                if till.notes.terminal != "at-new":
                    await till.ready.wait()
        self._tasks.append(asyncio.create_task(self._load()))

    def _till(self, tenant: str, name: str, key: str) -> Till:
        chance = random.Random(f"{self._name}/{tenant}/{name}")
        if name.startswith("at-"):
            url = self.sides[name.removeprefix("at-")].pods["gateway"].url
            return WebSocketTill(
                url, tenant, key, name, self._telemetry, chance, reconnect_seconds=2 * RECONNECT_SECONDS
            )
        till = RoamingTill(
            "", tenant, key, name, self._telemetry, chance, start="0", reconnect_seconds=RECONNECT_SECONDS
        )
        till.gateways = lambda: self.gateways
        return till

    async def _load(self) -> None:
        while True:
            shop = self._chance.choice(self._shops)
            task = asyncio.create_task(shop.write(self._later()))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)
            await asyncio.sleep(self._chance.expovariate(WRITES_A_SECOND))

    # -- the stages ----------------------------------------------------------------------------------------------

    async def stage(self, stage: Stage) -> None:
        """Let the named pods take part, roll those that no longer do, and wait until each had its share of the load.

        Raises:
            TimeoutError: some pod that takes part accepted too little; `verdict` says more.
        """
        apis, gateways = self.pods(stage.apis, "api"), self.pods(stage.gateways, "gateway")
        gone = [pod for pod in (*self.apis, *self.gateways) if pod not in (*apis, *gateways)]
        self.apis, self.gateways = apis, gateways
        for pod in gone:
            # Drained as in a rollout. It comes back by itself, and is not asked.
            pod.send(signal.SIGTERM)
        await self._share(WRITES_A_POD // 2)
        for victim in stage.kill:
            side, role = victim.split()
            self.sides[side].pods["api" if role == "api" else "gateway"].kill()
        await self._share(WRITES_A_POD // 2)

    async def _share(self, count: int) -> None:
        before = {pod.name: self._accepted(pod) for pod in self.apis}
        async with asyncio.timeout(self._patience):
            while any(self._accepted(pod) - before[pod.name] < count for pod in self.apis):
                await asyncio.sleep(0.05)

    def _accepted(self, pod: Pod) -> int:
        return self.doors.by_pod[pod.name, 200] + self.doors.by_pod[pod.name, 201]

    # -- the verdict ---------------------------------------------------------------------------------------------

    async def verdict(self) -> list[str]:
        """End the load, let everything arrive, and return every broken promise in words; none is what is hoped for."""
        self._tasks.pop().cancel()
        until = self._later()
        if self._writes:
            await asyncio.wait(set(self._writes), timeout=self._patience)
        for till in self._tills:
            till.calm()
        notes = Notes([till.notes for till in self._tills])
        complaints = self.doors.complaints
        try:
            await self._look(notes, until)
        except Exception as exc:
            complaints.append(f"the log could not be read: {exc!r}")
        await self._all_has_come(notes, until)
        await self.end()
        notes.writes = [write for shop in self._shops for write in shop.writes]
        complaints += [f"{one.invariant}: {one.tenant}: {one.text}" for one in judge(notes)]
        complaints += [
            f"{pod} answered {count} times with {status}"
            for (pod, status), count in sorted(self.doors.by_pod.items())
            if status >= 500 and status != 503
        ]
        complaints += [
            f"audit: {finding.rule}: {finding.examples}"
            for finding in await audit(self._database_url)
            if finding.broken
        ]
        for side in self.sides.values():
            for pod, lines in side.lines.items():
                lines = lines[self._read.get(pod, 0) :]
                found = [line for line in lines if any(word in line for word in ALARMING)]
                complaints += [f"{pod} wrote: {line[:300]}" for line in found[:3]]
        return complaints

    async def _look(self, notes: Notes, until: float) -> None:
        for shop in self._shops:
            notes.balances += await shop.balances(until)
            listed: list[Listed] = []
            after, more = "0", True
            while more:
                path = f"/api/tenant/{shop.tenant}/events?after={after}&limit={PAGE_EVENTS}"
                answer = await self.doors.decided("GET", path, self._auditors[shop.tenant], until=until)
                assert answer.accepted, f"{path}: {answer.status}"
                listed += [
                    Listed(event["offset"], event["tenant"], event["type"], digest(event), event["data"])
                    for event in answer.body["events"]
                ]
                after, more = answer.body["offset"], answer.body["more"]
            notes.listed[shop.tenant] = listed

    async def _all_has_come(self, notes: Notes, until: float) -> None:
        late = [
            (till.notes, last_for(till.notes, notes.listed.get(till.notes.tenant, [])))
            for till in self._tills
        ]
        while late and asyncio.get_running_loop().time() < until:
            late = [(mine, last) for mine, last in late if not has_come_to(mine, last)]
            await asyncio.sleep(0.1 if late else SILENCE_SECONDS)

    async def end(self) -> None:
        """Stop whatever runs here; the pods are their sides'."""
        tasks = [*self._tasks, *self._writes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()


@contextlib.asynccontextmanager
async def mixture_of(
    old: Side,
    new: Side,
    database_url: str,
    operator_key: str,
    name: str,
    patience: float = PATIENCE_SECONDS,
) -> AsyncIterator[Mixture]:
    """A mixture under load, of pods that run."""
    mixture = Mixture(old, new, database_url, operator_key, name, patience)
    try:
        await mixture.begin()
        yield mixture
    finally:
        await mixture.end()
        await mixture.doors.close()
