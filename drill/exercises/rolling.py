"""All pods and the balancer are replaced under 1,000 terminals and 50 orders a second: nothing fails or is lost."""

import asyncio
import collections
import itertools
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from drill.exercise import Exercise, Findings, Say
from drill.exercises.shop import ABNORMAL, ORDER, Witness, until
from infra.local.cluster import LOCAL_LIMITS, Cluster
from infra.local.haproxy import HAProxy
from infra.local.plan import Plan
from infra.local.pods import Pod
from infra.local.shops import open_shop
from infra.local.waiting import wait_until

SHOPS = 100
TILLS = 10
ORDERS_A_SECOND = 50.0
DRAIN_SECONDS = 10
CALM_SECONDS = 5.0
SECONDS = 120.0
ATTEMPTS = 5
# Of the closes of one replacement, in its fullest tenth of a second; spread evenly over the drain it is a hundredth.
MOST_AT_ONCE = 0.1
# Of fewer closes a share says nothing.
LEAST_CLOSES = 100


@dataclass(frozen=True, slots=True)
class Replaced:
    """The replacement of one part, as terminals and storefronts saw it."""

    what: str
    seconds: float
    closes: dict[int, int]
    at_once: float
    orders: int
    answers_5xx: int
    repeated: int

    @property
    def row(self) -> str:
        """A line of the table."""
        closes = ", ".join(f"{count} × {code}" for code, count in sorted(self.closes.items())) or "none"
        return (
            f"| {self.what} | {self.seconds:.0f} | {closes} | {self.at_once:.1%} | {self.orders} | {self.answers_5xx} "
            f"| {self.repeated} |"
        )


class Town:
    """A hundred shops with ten tills each, and storefronts that repeat an order whose answer did not come."""

    def __init__(self, url: str, operator_key: str) -> None:
        self.url = url
        self.taken: dict[str, list[str]] = {}
        self.answers_5xx = self.repeated = self.orders = 0
        self.unanswered: list[str] = []
        self.tills: list[Witness] = []
        self._stores: dict[str, str] = {}
        self._open = True
        self._selling: set[asyncio.Task[None]] = set()
        names = tuple(f"till-{number}" for number in range(1, TILLS + 1))
        headers = {"Authorization": f"Bearer {operator_key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            for number in range(1, SHOPS + 1):
                shop = open_shop(client, f"shop-{number}", f"Shop {number}", names)
                self.taken[shop.slug] = []
                self._stores[shop.slug] = shop.storefront_key
                self.tills += [Witness(url, shop.slug, terminal.key) for terminal in shop.terminals]

    async def sell(self) -> None:
        """Place orders at a steady pace, whatever becomes of them, until `close`; then wait for the last answers."""
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False, limits=limits) as client:
            began = time.monotonic()
            for number, slug in enumerate(itertools.cycle(self._stores)):
                await asyncio.sleep(max(0.0, began + number / ORDERS_A_SECOND - time.monotonic()))
                if not self._open:
                    break
                task = asyncio.create_task(self._order(client, slug))
                self._selling.add(task)
                task.add_done_callback(self._selling.discard)
            await asyncio.gather(*self._selling)

    def close(self) -> None:
        """No order comes in any more."""
        self._open = False

    async def _order(self, client: httpx.AsyncClient, slug: str) -> None:
        headers = {"Authorization": f"Bearer {self._stores[slug]}", "Idempotency-Key": uuid.uuid4().hex}
        said = ""
        for attempt in range(ATTEMPTS):
            self.repeated += attempt > 0
            try:
                answer = await client.post("/api/tenant/orders/create", json=ORDER, headers=headers)
            except httpx.HTTPError as exc:
                # The contract's word for a request whose answer did not come.
                said = repr(exc)
                continue
            self.answers_5xx += answer.status_code >= 500
            if answer.status_code == 201:
                self.taken[slug].append(answer.json()["orderId"])
                self.orders += 1
                return
            said = f"{answer.status_code} {answer.text[:200]}"
        self.unanswered.append(said)


class Rolling:
    """Replaces one part after the other and notes what terminals saw."""

    def __init__(self, cluster: Cluster, balancer: HAProxy, town: Town, say: Say) -> None:
        self._cluster = cluster
        self._balancer = balancer
        self._town = town
        self._say = say

    async def all(self) -> list[Replaced]:
        """Gateways, API pods, the balancer."""
        done = [await self._one(f"gateway {pod.name}", self._pod(pod)) for pod in self._cluster.gateways]
        done += [await self._one(f"API pod {pod.name}", self._pod(pod)) for pod in self._cluster.apis]
        # A reload is over when the gateways have moved the terminals.
        moved = DRAIN_SECONDS + 2
        return [*done, await self._one("the balancer, reloaded", self._balancer.reload, moved)]

    def _pod(self, pod: Pod) -> Callable[[], None]:
        def replace() -> None:
            pod.stop(SECONDS)
            pod.start()
            pod.await_ready(SECONDS)
            wait_until(self._balancer.all_up, SECONDS)

        return replace

    async def _one(self, what: str, replace: Callable[[], None], calm: float = CALM_SECONDS) -> Replaced:
        town = self._town
        began, orders = time.monotonic(), town.orders
        errors, repeated = town.answers_5xx, town.repeated
        await asyncio.to_thread(replace)
        await asyncio.sleep(calm)
        await until(lambda: all(till.is_live for till in town.tills))
        closes = [close for till in town.tills for close in till.closes if close[0] >= began]
        done = Replaced(
            what, time.monotonic() - began, dict(collections.Counter(code for _, code in closes)),
            fullest_tenth([moment for moment, _ in closes]), town.orders - orders, town.answers_5xx - errors,
            town.repeated - repeated,
        )  # fmt: skip
        self._say(done.row)
        return done


def fullest_tenth(moments: Sequence[float]) -> float:
    """The share of the moments that lie in the fullest tenth of a second."""
    tenths = collections.Counter(int(moment * 10) for moment in moments)
    return max(tenths.values(), default=0) / len(moments) if moments else 0.0


def judge(done: Sequence[Replaced], town: Town) -> list[str]:
    """The sentences about what is not as it has to be."""
    wrong = [f"{each.what}: {each.answers_5xx} answers of 5xx" for each in done if each.answers_5xx]
    wrong += [
        f"{each.what}: {each.closes[ABNORMAL]} cut without a word" for each in done if ABNORMAL in each.closes
    ]
    wrong += [
        f"{each.what}: {each.at_once:.0%} of the closes in a tenth of a second"
        for each in done
        if sum(each.closes.values()) >= LEAST_CLOSES and each.at_once > MOST_AT_ONCE
    ]
    wrong += [f"an order had no answer: {said}" for said in town.unanswered]
    for till in town.tills:
        if sorted(till.orders) != sorted(town.taken[till.slug]):
            missing = len(set(town.taken[till.slug]) - set(till.orders))
            wrong.append(f"a till of {till.slug} lacks {missing} orders, and has {len(till.orders)}")
        wrong += [f"a till of {till.slug} was reset: {reset}" for reset in till.resets]
    return wrong


HEAD = (
    "| replaced | s | closes of 1,000 terminals | in the fullest tenth of a second | orders meanwhile | 5xx "
    "| repeated by the storefront |\n| --- | ---: | --- | ---: | ---: | ---: | ---: |"
)


async def _run(rolling: Rolling, town: Town) -> Findings:
    tasks = [asyncio.create_task(till.live()) for till in town.tills]
    try:
        await until(lambda: all(till.is_live for till in town.tills))
        selling = asyncio.create_task(town.sell())
        await asyncio.sleep(CALM_SECONDS)
        done = await rolling.all()
        town.close()
        await selling
        await until(lambda: all(len(till.orders) >= len(town.taken[till.slug]) for till in town.tills))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return Findings("\n".join([HEAD, *(each.row for each in done), ""]), judge(done, town))


def run(say: Say) -> Findings:
    """Replace all of it."""
    settings = {"BELLWIRE_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    with Cluster(Plan(load_balancer=False), settings=settings, say=say) as cluster:
        balancer = HAProxy(
            apis=[pod.address for pod in cluster.apis], gateways=[pod.address for pod in cluster.gateways],
            settings=LOCAL_LIMITS, reloadable=True,
        )  # fmt: skip
        balancer.start()
        try:
            town = Town(balancer.url, cluster.operator_key)
            return asyncio.run(_run(Rolling(cluster, balancer, town, say), town))
        finally:
            balancer.stop()


EXERCISE = Exercise(
    "rolling", "every pod and the balancer are replaced under 1,000 terminals and 50 orders/s", run
)
