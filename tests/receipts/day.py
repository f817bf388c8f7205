"""A day of some shops on a cluster of their own: orders, terminals that come and go, pods that are killed, Redis gone.

    async with day_of(database_url, valkey, pod_env, Plan(orders=2000, seed=7)) as day:
        complaints, figures = await day.run()

The storefronts and terminals are black boxes over HTTP and WebSocket; only kills know processes. The end of it is
listed over HTTP, and judged by `tests.receipts.verdict`.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any

import httpx

from api.db.operator_keys import create_operator_key
from infra.local.pods import Pod
from infra.local.valkey import Valkey
from tests.api.sink import Answer, Delivery, Sink
from tests.conftest import api_pod_of, gateway_of, stop_all
from tests.receipts.book import Circumstances, Word, head_of
from tests.receipts.tills import LOST, Moved, Till, seq_of
from tests.receipts.verdict import Event, Figures, Order, Receipt, ShopDay, judge_day
from tests.shop import ORDER, bearer

ROLES = ("kitchen", "counter", None)
# Terminals, deadline, repeats, roles that count, and its webhook endpoints: whether they count, and their types.
Endpoint = tuple[bool, list[str] | None]
SHOPS: tuple[tuple[int, int, int, list[str] | None, tuple[Endpoint, ...]], ...] = (
    (9, 3, 1, ["kitchen"], ((True, None),)),
    (5, 4, 1, ["counter", "webhook"], ((True, ["new_order"]), (False, None))),
    (3, 2, 2, None, ()),
    (2, 6, 0, None, ((True, ["order_updated"]),)),
    (1, 2, 2, None, ()),
)
SLACK_SECONDS = 3.0
"""News that a gateway writes behind is written by then; what it knew for less may be lost when it is killed."""
KILL_SECONDS = (2.0, 4.0)
LIFE_SECONDS = 5.5
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many orders, by which chance, how many a second; and whether Redis is dead for the middle third."""

    orders: int
    seed: int
    rate: float = 14.0
    redis_dies: bool = False


@dataclass(eq=False)
class OpenShop:
    """A shop of the day, and everybody's notes. `hooks`: its endpoints whose 2xx is a receipt."""

    slug: str
    key: str
    deadline: int
    repeats: int
    roles: list[str] | None
    auditor: str
    tills: list[Till] = field(default_factory=list)
    moved: dict[str, Moved] = field(default_factory=dict)
    counting: list[str] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    hooks: dict[str, Sink] = field(default_factory=dict)
    placed: list[str] = field(default_factory=list)


class Day:
    """The cluster and its day. Also a `tests.receipts.tills.Site`."""

    def __init__(
        self, plan: Plan, apis: list[Pod], gateways: list[Pod], valkey: Valkey, operator: str
    ) -> None:
        self.plan = plan
        self.over = False
        self.kills: dict[str, list[float]] = {pod.name: [] for pod in (*apis, *gateways)}
        self.chance = random.Random(plan.seed)
        self.shops: list[OpenShop] = []
        self._apis = apis
        self._gateways = gateways
        self._valkey = valkey
        self._operator = operator
        self._clients = [httpx.AsyncClient(base_url=pod.url, timeout=30, trust_env=False) for pod in apis]

    # -- what terminals see --------------------------------------------------------------------------------------

    def gateway(self) -> tuple[str, str]:
        pod = self.chance.choice(self._gateways)
        return pod.name, pod.address

    async def try_call(self, method: str, path: str, key: str, **more: Any) -> httpx.Response:
        return await self.chance.choice(self._clients).request(method, path, headers=bearer(key), **more)

    async def call(self, method: str, path: str, key: str, **more: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        headers = {**bearer(key), **more.pop("headers", {})}
        while True:
            with contextlib.suppress(*LOST):
                client = self.chance.choice(self._clients)
                answer = await client.request(method, path, headers=headers, **more)
                if answer.status_code < 500 or time.monotonic() > deadline:
                    return answer
            assert time.monotonic() < deadline, f"no answer to {method} {path}"
            await asyncio.sleep(0.1)

    # -- the day -------------------------------------------------------------------------------------------------

    async def run(self) -> tuple[list[str], Figures]:
        """Live through it; returns what is wrong, and what was counted."""
        for shape in SHOPS:
            await self._open(*shape)
        tills = [till for shop in self.shops for till in shop.tills]
        living = [asyncio.create_task(till.live()) for till in tills]
        killing = asyncio.create_task(self._kill())
        try:
            await self._place()
            killing.cancel()
            self.over = True
            await asyncio.gather(*living)
            await asyncio.to_thread(self._valkey.start)
            await asyncio.to_thread(self._await_pods)
            await asyncio.gather(*(till.last_visit() for till in tills))
            await asyncio.gather(*(till.close() for till in tills))
            await self._settle()
            return await self._judge()
        finally:
            for task in (*living, killing):
                task.cancel()
            await asyncio.gather(*living, killing, return_exceptions=True)
            for till in tills:
                for socket in till.left:
                    socket.transport.abort()
            for client in self._clients:
                await client.aclose()

    def _await_pods(self) -> None:
        for pod in (*self._apis, *self._gateways):
            pod.await_ready()

    async def _open(
        self,
        terminals: int,
        deadline: int,
        repeats: int,
        roles: list[str] | None,
        endpoints: tuple[Endpoint, ...],
    ) -> None:
        slug = f"shop-{uuid.uuid4().hex[:12]}"
        made = await self._made("/api/tenants", {
            "slug": slug, "name": slug, "ackDeadlineSeconds": deadline, "alarmRepeats": repeats, "alarmRoles": roles,
        })  # fmt: skip
        auditor = await self._made(f"/api/tenant/{slug}/terminals", {"name": "auditor"})
        shop = OpenShop(slug, made["storefrontKey"], deadline, repeats, roles, auditor["key"])
        for number in range(terminals):
            role = self.chance.choice(ROLES)
            till = await self._made(
                f"/api/tenant/{slug}/terminals",
                {"name": f"till {number}", **({"role": role} if role else {})},
            )
            chance = random.Random(f"{self.plan.seed} {len(self.shops)} {number}")
            shop.tills.append(Till(self, slug, till["terminalId"], till["key"], role, chance, shop.moved))
            if roles is None or role in roles:
                shop.counting.append(till["terminalId"])
        for counts, types in endpoints:
            sink = Sink()
            sink.start()
            sink.answer = _moody(random.Random(f"{self.plan.seed} {len(self.shops)} sink"))
            shop.sinks.append(sink)
            body = {"url": sink.url, "counts": counts, **({"types": types} if types else {})}
            endpoint = (await self._made(f"/api/tenant/{slug}/webhooks", body))["id"]
            if counts:
                shop.hooks[endpoint] = sink
            if counts and (roles is None or "webhook" in roles):
                shop.counting.append(endpoint)
        self.shops.append(shop)

    async def _made(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self.call("POST", path, self._operator, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def _place(self) -> None:
        """Orders of every shop, at the plan's rate; each once, whichever pods die meanwhile."""
        under_way: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        for number in range(self.plan.orders):
            if self.plan.redis_dies and number == self.plan.orders // 3:
                self._valkey.kill()
            if self.plan.redis_dies and number == 2 * self.plan.orders // 3:
                await asyncio.to_thread(self._valkey.start)
            under_way.add(asyncio.create_task(self._order(self.chance.choice(self.shops))))
            await asyncio.sleep(max(0.0, began + number / self.plan.rate - time.monotonic()))
            for task in [task for task in under_way if task.done()]:
                under_way.remove(task)
                task.result()
        await asyncio.gather(*under_way)

    async def _order(self, shop: OpenShop) -> None:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        answer = await self.call("POST", "/api/tenant/orders/create", shop.key, json=ORDER, headers=headers)
        assert answer.status_code == 201, answer.text
        shop.placed.append(answer.json()["orderId"])

    async def _kill(self) -> None:
        """`kill -9` a pod now and then, of either kind, where another one of its kind is there."""
        born = dict.fromkeys(self.kills, time.monotonic())
        while True:
            await asyncio.sleep(self.chance.uniform(*KILL_SECONDS))
            old = []
            for kind in (self._gateways, self._gateways, self._apis):
                if all(await asyncio.gather(*(asyncio.to_thread(pod.is_ready) for pod in kind))):
                    old += [pod for pod in kind if time.monotonic() - born[pod.name] > LIFE_SECONDS]
            if old:
                pod = self.chance.choice(old)
                self.kills[pod.name].append(time.time())
                pod.kill()
                born[pod.name] = time.monotonic()

    # -- the end of it -------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Until webhooks have come to the head, and the last alarm's moment has passed."""
        last = time.time()
        for shop in self.shops:
            while time.time() < last + PATIENCE_SECONDS:
                answer = await self.call("GET", f"/api/tenant/{shop.slug}/webhooks", shop.key)
                if all(endpoint["lag"] == 0 for endpoint in answer.json()["webhooks"]):
                    break
                await asyncio.sleep(0.2)
        longest = max(shop.deadline << shop.repeats for shop in self.shops)
        await asyncio.sleep(max(0.0, last + longest + SLACK_SECONDS - time.time()))

    def _firm(self, gateway: str, began: float, at: float) -> bool:
        """Whether what a gateway knew then was written for certain: it lived on long enough."""
        return at < inf and not any(began <= kill <= at + SLACK_SECONDS for kill in self.kills[gateway])

    async def _judge(self) -> tuple[list[str], Figures]:
        listed = await asyncio.gather(*(self._list(shop) for shop in self.shops))
        complaints, figures = judge_day(list(listed))
        for shop in self.shops:
            complaints += [f"{shop.slug}: {text}" for till in shop.tills for text in till.wrong]
        return complaints, figures

    async def _list(self, shop: OpenShop) -> ShopDay:
        log = await self._log(shop)
        placed = {event.data["orderId"]: event.seq for event in log if event.type == "new_order"}
        gate = asyncio.Semaphore(8)

        async def order_of(order: str) -> Order:
            async with gate:
                answer = await self.call("GET", f"/api/tenant/{shop.slug}/orders/{order}", shop.key)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            receipts = [
                Receipt(one.get("terminalId") or one["webhookId"], one["by"], _moment(one["ackedAt"]))
                for one in body["receipts"]
            ]
            return Order(order, placed.get(order, 0), _moment(body["createdAt"]), receipts)

        orders = sorted(await asyncio.gather(*map(order_of, shop.placed)), key=lambda order: order.seq)
        around = Circumstances(self._firm, head_of([event.at for event in log], SLACK_SECONDS), SLACK_SECONDS)
        return ShopDay(
            shop.slug, shop.deadline, shop.repeats, frozenset(shop.counting),
            {till.terminal: till.book for till in shop.tills}, {till.terminal: till.seen for till in shop.tills},
            {endpoint: _words(sink) for endpoint, sink in shop.hooks.items()}, shop.moved, log, orders,
            await self._unacked(shop), around,
        )  # fmt: skip

    async def _log(self, shop: OpenShop) -> list[Event]:
        log: list[Event] = []
        after = "0"
        while True:
            answer = await self.call(
                "GET", f"/api/tenant/{shop.slug}/events?limit=500&after={after}", shop.auditor
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            log += [
                Event(seq_of(one["offset"]), one["type"], _moment(one["timestamp"]), one["data"])
                for one in page["events"]
            ]
            after = page["offset"]
            if not page["more"]:
                return log

    async def _unacked(self, shop: OpenShop) -> set[str]:
        found: set[str] = set()
        after = ""
        while True:
            path = f"/api/tenant/{shop.slug}/orders?unacked=true&limit=100{after}"
            page = (await self.call("GET", path, shop.key)).json()
            found |= {order["orderId"] for order in page["orders"]}
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"


def _moody(chance: random.Random) -> Callable[[Delivery], Answer]:
    return lambda _: Answer(503 if chance.random() < 0.1 else 200)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _words(sink: Sink) -> dict[int, Word]:
    """The word of an endpoint's notes about the orders that it took: it has moved on when something else comes."""
    offset = time.time() - time.monotonic()
    accepted = {id(delivery) for delivery in sink.accepted}
    words: dict[int, Word] = {}
    held: list[tuple[int, Delivery]] = []
    for delivery in sink.deliveries:
        seq = seq_of(delivery.event["offset"])
        for before, _ in [one for one in held if one[0] < seq]:
            words[before].add(inf, delivery.at + offset)
        held = [one for one in held if one[0] >= seq]
        if id(delivery) in accepted and delivery.event["type"] == "new_order":
            words.setdefault(seq, Word()).add(delivery.at + offset)
            held.append((seq, delivery))
    # In the end everything was taken: there was no lag.
    for before, _ in held:
        words[before].add(inf, time.time())
    return words


@contextlib.asynccontextmanager
async def day_of(
    database_url: str, valkey: Valkey, pod_env: Mapping[str, str], plan: Plan, lines: list[str]
) -> AsyncIterator[Day]:
    """Two API pods and two gateways of the day's own; `lines` gets what they log."""
    env = {
        **pod_env, "BELLWIRE_DATABASE_URL": database_url, "BELLWIRE_REDIS_URL": valkey.url,
        "BELLWIRE_WEBHOOK_TIMEOUT_SECONDS": "1",
    }  # fmt: skip
    apis = [api_pod_of(f"day-api-{number}", env, lines) for number in range(2)]
    gateways = [gateway_of(f"day-gateway-{number}", env, lines) for number in range(2)]
    day = Day(plan, apis, gateways, valkey, await create_operator_key(database_url))
    try:
        for pod in (*apis, *gateways):
            pod.start()
        await asyncio.to_thread(day._await_pods)
        yield day
    finally:
        await asyncio.to_thread(stop_all, [*apis, *gateways])
        for shop in day.shops:
            for sink in shop.sinks:
                sink.stop()
