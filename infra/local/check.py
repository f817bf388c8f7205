"""Does this cluster do what it is for? Orders go in, a gateway is killed in between, every till is asked.

Promise: `check(cluster, shops)` is over within `BUDGET_SECONDS` and says for each terminal what it got. A
terminal here is a plain client of the library `websockets` that resumes by offset: nothing of ours helps it.
"""

import asyncio
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from infra.local.cluster import Cluster
from infra.local.counters import read_total
from infra.local.pods import Pod
from infra.local.shops import Shop, Terminal
from infra.local.waiting import wait_until

# Never waited for in vain on a quiet machine; on a busy one a pod alone may take half a minute to start.
BUDGET_SECONDS = 120.0
BACK_SECONDS = 60.0
ORDERS_BEFORE, ORDERS_AFTER = 10, 20
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 0.1
# A till that should get nothing is given this long to be wrong.
SILENCE_SECONDS = 0.3


@dataclass
class Till:
    """A terminal's connection over its life: the offsets it got, in the order it got them."""

    shop: str
    terminal: Terminal
    got: list[str] = field(default_factory=list)
    arrived: dict[str, float] = field(default_factory=dict)
    position: str | None = None
    connections: int = 0
    resets: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, url: str, tls: ssl.SSLContext | None) -> None:
        """Connect, and again whenever the connection ends, from the last offset that arrived."""
        headers = {"Authorization": f"Bearer {self.terminal.key}"}
        while True:
            target = f"{url.replace('http', 'ws', 1)}/ws/pos/{self.shop}"
            if self.position is not None:
                target += f"?after={self.position}"
            try:
                async with connect(
                    target, additional_headers=headers, proxy=None, open_timeout=20, ssl=tls
                ) as socket:
                    self.connections += 1
                    async for message in socket:
                        await self.take(json.loads(message))
            except (OSError, TimeoutError, InvalidHandshake, WebSocketException):
                pass
            await asyncio.sleep(RETRY_SECONDS)

    async def has(self, count: int) -> None:
        """Wait until it got that many orders."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.got) >= count)

    async def take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "hello":
                self.position = self.position or message["after"]
                self.ready.set()
            case "new_order":
                self.position = message["offset"]
                self.got.append(message["offset"])
                self.arrived.setdefault(message["offset"], time.perf_counter())
                async with self.news:
                    self.news.notify_all()
            case "reset":
                self.resets += 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """The events that one terminal got, of those that it should have got."""

    shop: str
    terminal: str
    wanted: int
    got: int
    exact: bool
    connections: int
    slowest_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts, and the sentences about what else went wrong."""

    verdicts: list[Verdict]
    complaints: list[str]

    @property
    def passed(self) -> bool:
        return not self.complaints and all(verdict.exact for verdict in self.verdicts)


def check(cluster: Cluster, shops: list[Shop]) -> Report:
    """Drive the cluster for a few seconds and report. Blocks; runs its own event loop."""
    return asyncio.run(Check(cluster, shops).run())


class Check:
    """One run of the check."""

    def __init__(self, cluster: Cluster, shops: list[Shop]) -> None:
        self._cluster = cluster
        self._kitchen, self._bistro = shops
        self._tills = [Till(self._kitchen.slug, terminal) for terminal in self._kitchen.terminals]
        self._strangers = [Till(self._bistro.slug, terminal) for terminal in self._bistro.terminals[:1]]
        self._sent: dict[str, float] = {}
        self._complaints: list[str] = []

    async def run(self) -> Report:
        everybody = [*self._tills, *self._strangers]
        certificate = self._cluster.certificate
        tls = None if certificate is None else certificate.trusting()
        tasks = [asyncio.create_task(till.run(self._cluster.url, tls)) for till in everybody]
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                await self._drive(everybody)
        except TimeoutError:
            self._complaints.append(f"not everything had arrived after {BUDGET_SECONDS:g} s")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Report([self._verdict(till) for till in everybody], self._complaints)

    async def _drive(self, everybody: list[Till]) -> None:
        for till in everybody:
            await till.ready.wait()
        headers = {"Authorization": f"Bearer {self._kitchen.storefront_key}"}
        async with httpx.AsyncClient(
            base_url=self._cluster.url,
            headers=headers,
            timeout=30.0,
            trust_env=False,
            verify=self._cluster.tls,
        ) as client:
            for _ in range(ORDERS_BEFORE):
                await self._order(client)
            await self._all_arrived()
            victim = await asyncio.to_thread(self._busiest_gateway)
            before = victim.pid
            await asyncio.to_thread(victim.kill)
            for _ in range(ORDERS_AFTER):
                await self._order(client)
                await asyncio.sleep(PAUSE_SECONDS)
        await self._all_arrived()
        back = await asyncio.to_thread(
            wait_until, lambda: victim.pid != before and victim.is_ready(), BACK_SECONDS
        )
        if not back:
            self._complaints.append(f"{victim.name} was killed and was not ready {BACK_SECONDS:g} s later")
        await asyncio.sleep(SILENCE_SECONDS)

    async def _order(self, client: httpx.AsyncClient) -> None:
        order = {
            "orderType": "pickup",
            "customerName": f"Check {len(self._sent) + 1}",
            "items": [{"name": "Margherita", "quantity": 1, "unitPrice": 9.5}],
        }
        sent = time.perf_counter()
        try:
            answer = await client.post("/api/tenant/orders/create", json=order)
        except httpx.HTTPError as exc:
            self._complaints.append(f"an order got no answer ({exc!r})")
            return
        if answer.status_code != 201:
            self._complaints.append(f"an order was answered with {answer.status_code}: {answer.text[:200]}")
            return
        self._sent[answer.json()["offset"]] = sent

    async def _all_arrived(self) -> None:
        for till in self._tills:
            await till.has(len(self._sent))

    def _busiest_gateway(self) -> Pod:
        """The gateway that most of the tills are on, so that killing it hurts."""
        return max(
            self._cluster.gateways, key=lambda pod: read_total([pod.url], "bellwire_gateway_connections")
        )

    def _verdict(self, till: Till) -> Verdict:
        wanted = list(self._sent) if till in self._tills else []
        waits = [till.arrived[offset] - sent for offset, sent in self._sent.items() if offset in till.arrived]
        return Verdict(
            till.shop,
            till.terminal.name,
            len(wanted),
            len(till.got),
            till.got == wanted and till.resets == 0 and till.connections > 0,
            till.connections,
            max(waits, default=0.0) * 1000,
        )


def table(report: Report) -> list[str]:
    """The report as lines for a console."""
    lines = [
        f"{'terminal':<24}{'wanted':>8}{'got':>6}{'connections':>13}{'slowest':>11}   exactly once, in order"
    ]
    for verdict in report.verdicts:
        name = f"{verdict.shop}/{verdict.terminal}"
        numbers = f"{verdict.wanted:>8}{verdict.got:>6}{verdict.connections:>13}{verdict.slowest_ms:>8.1f} ms"
        lines.append(f"{name:<24}{numbers}   {'yes' if verdict.exact else 'NO'}")
    return lines + [f"! {complaint}" for complaint in report.complaints]
