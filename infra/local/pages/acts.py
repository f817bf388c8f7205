"""The work of the wall's buttons on the demo's own cluster, for real: kill, drain, freeze, flush, forge, and a burst.

Each act has a bound and undoes itself: gateways are brought back by the demo's supervisor, Redis is thawed whatever
happens. Acts on one thing go one after the other; those on a server that is not the demo's own are refused.
"""

import asyncio
import contextlib
import json
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx

from infra.local.cluster import Cluster
from infra.local.failure import CannotStart
from infra.local.pages.sessions import Unwilling
from infra.local.pages.stage import Stage
from infra.local.pods import SHORT_LIFE_SECONDS, Pod
from infra.local.valkey import Valkey

FREEZE_SECONDS = 3.0
BURST_ORDERS = 1000
BURST_AT_ONCE = 8
BURST_SECONDS = 60.0
# So many orders of a burst are told to the pages at a time.
BURST_TOLD = 25
TRIES = 20
# Longer than a freeze, so that a button pressed meanwhile does what it says.
TURN_SECONDS = 5.0
TRY_AGAIN_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Ask:
    """A page's words with an act: the gateway that it means, and the session whose own notes take a burst down."""

    gateway: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A sentence about what was done, and the orders that were placed, each with its offset."""

    says: str
    orders: Sequence[tuple[str, str]] = ()


class Acts:
    """The buttons. `shop` is an HTTP client with a storefront's key, `operator` one with the operator's."""

    def __init__(
        self,
        cluster: Cluster,
        stage: Stage,
        tenant: str,
        operator: httpx.AsyncClient,
        shop: httpx.AsyncClient,
    ) -> None:
        self._cluster = cluster
        self._stage = stage
        self._tenant = tenant
        self._operator = operator
        self._shop = shop
        self._locks: dict[str, asyncio.Lock] = {}
        self._acts: dict[str, Callable[[Ask], Awaitable[Done]]] = {
            "kill-gateway": self._kill_gateway,
            "drain-gateway": self._drain_gateway,
            "freeze-redis": self._freeze_redis,
            "flush-redis": self._flush_redis,
            "forge": self._forge,
            "burst": self._burst,
        }

    @property
    def names(self) -> list[str]:
        return list(self._acts)

    async def do(self, act: str, ask: Ask) -> Done:
        """Do it, and tell every page.

        Raises:
            Unwilling: it cannot be done now, and why.
            KeyError: there is no such act.
        """
        done = await self._acts[act](ask)
        self._say(act, done.says)
        return done

    def _say(self, act: str, says: str) -> None:
        self._stage.tell({"type": "act", "act": act, "says": says})

    @contextlib.asynccontextmanager
    async def _alone(self, thing: str, patience: float = TURN_SECONDS) -> AsyncIterator[None]:
        """One act on a thing at a time; the next one waits for its turn, so long and no longer.

        Raises:
            Unwilling: the turn did not come.
        """
        lock = self._locks.setdefault(thing, asyncio.Lock())
        try:
            async with asyncio.timeout(patience):
                await lock.acquire()
        except TimeoutError:
            raise Unwilling(f"{thing} is under way; a moment.") from None
        try:
            yield
        finally:
            lock.release()

    async def _kill_gateway(self, ask: Ask) -> Done:
        async with self._alone("An act on a gateway"):
            pod = await self._gateway(ask.gateway)
            pid = pod.pid
            await asyncio.to_thread(pod.kill)
            return Done(f"{pod.name} (process {pid}) was killed with SIGKILL; its supervisor brings it back.")

    async def _drain_gateway(self, ask: Ask) -> Done:
        async with self._alone("An act on a gateway"):
            pod = await self._gateway(ask.gateway)
            pod.send(signal.SIGTERM)
            return Done(f"{pod.name} (process {pod.pid}) drains: it sends its tills elsewhere, and ends.")

    async def _gateway(self, name: str | None) -> Pod:
        """The gateway of that name, or the one with the most tills; well, and not just begun.

        A pod that ends early several times in a row is given up by the supervisor, and no button may bring that about.
        """
        pods = [pod for pod in self._cluster.gateways if name in (None, pod.name)]
        if not pods:
            raise Unwilling("There is no gateway of that name.")
        fit = [pod for pod in pods if pod.alive and pod.age_seconds > SHORT_LIFE_SECONDS + 1.0]
        if not fit:
            raise Unwilling(f"{pods[0].name} has only just begun; a few seconds.")
        looks = await asyncio.gather(*(self._stage.connections(pod) for pod in fit))
        return max(zip(looks, fit, strict=True), key=lambda pair: pair[0])[1]

    async def _freeze_redis(self, ask: Ask) -> Done:
        valkey = self._own_valkey()
        async with self._alone("An act on Redis"):
            self._stage.is_frozen = True
            valkey.send(signal.SIGSTOP)
            try:
                self._say("freeze-redis", "Redis stands still for 3 s.")
                await asyncio.sleep(FREEZE_SECONDS)
            finally:
                valkey.send(signal.SIGCONT)
                self._stage.is_frozen = False
        return Done("Redis goes on after 3 s of standing still.")

    async def _flush_redis(self, ask: Ask) -> Done:
        valkey = self._own_valkey()
        async with self._alone("An act on Redis"):
            await self._tell_redis(valkey, "FLUSHALL")
        return Done("FLUSHALL: Redis has forgotten every stream.")

    async def _forge(self, ask: Ask) -> Done:
        """An order that nobody placed, at the place where the next one would be, as one with Redis' password would."""
        valkey = self._own_valkey()
        async with self._alone("An act on Redis"):
            head = await self._head()
            epoch, _, seq = head.partition("-")
            offset, now = f"{epoch}-{int(seq) + 1}", int(time.time() * 1000)
            event = {
                "type": "new_order",
                "tenant": self._tenant,
                "offset": offset,
                "id": f"evt_{self._tenant}_{offset}",
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now / 1000)),
                "data": {"orderId": secrets.token_hex(8), "orderNumber": "FORGED", "customerName": "FORGED"},
            }
            words = f"{secrets.token_hex(16)} {offset} new_order {now} {json.dumps(event)}"
            await self._tell_redis(valkey, "SPUBLISH", f"bellwire:{{{self._tenant}}}:signed", words)
        return Done("An order that nobody placed was written into Redis' live channel.")

    async def _burst(self, ask: Ask) -> Done:
        async with self._alone("A burst", patience=0):
            run, began = secrets.token_hex(4), time.monotonic()
            waiting = iter(range(1, BURST_ORDERS + 1))
            placed: list[tuple[str, str]] = []

            def tell(orders: list[tuple[str, str]]) -> None:
                self._stage.tell({"type": "placed", "session": ask.session, "orders": orders})

            async def place() -> None:
                for number in waiting:
                    order = await self._order(run, number)
                    if order is None:
                        return
                    placed.append(order)
                    if len(placed) % BURST_TOLD == 0:
                        tell(placed[-BURST_TOLD:])

            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BURST_SECONDS):
                    await asyncio.gather(*(place() for _ in range(BURST_AT_ONCE)))
            if rest := len(placed) % BURST_TOLD:
                tell(placed[-rest:])
            seconds = time.monotonic() - began
        whole = "" if len(placed) == BURST_ORDERS else f" of {BURST_ORDERS:,}"
        says = f"{len(placed):,}{whole} orders were placed in {seconds:.1f} s, {len(placed) / seconds:.0f} a second."
        return Done(says, placed)

    async def _order(self, run: str, number: int) -> tuple[str, str] | None:
        """Place one, again with the same key while no answer says that it is placed; its id and its offset."""
        order = {
            "orderType": "pickup",
            "customerName": f"Burst {number}",
            "items": [{"name": "Tea", "quantity": 1, "unitPrice": 2.5}],
        }
        for _ in range(TRIES):
            with contextlib.suppress(httpx.HTTPError):
                answer = await self._shop.post(
                    "/api/tenant/orders/create", json=order, headers={"Idempotency-Key": f"{run}-{number}"}
                )
                if answer.status_code == 201:
                    made = answer.json()
                    return made["orderId"], made["offset"]
                if answer.status_code not in (409, 429, 502, 503, 504):
                    return None
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        return None

    async def _head(self) -> str:
        try:
            answer = await self._operator.get(f"/api/tenant/{self._tenant}/status")
            return str(answer.json()["head"] or "1-0")
        except (httpx.HTTPError, ValueError, KeyError) as exc:
            raise Unwilling("The cluster did not say where its log ends.") from exc

    def _own_valkey(self) -> Valkey:
        valkey = self._cluster.valkey
        if valkey is None:
            raise Unwilling("This Redis is yours (BELLWIRE_REDIS_URL), and the demo leaves it alone.")
        if not valkey.alive:
            raise Unwilling("Redis is gone; Ctrl-C and make demo begin anew.")
        return valkey

    async def _tell_redis(self, valkey: Valkey, *words: str) -> None:
        try:
            await asyncio.to_thread(valkey.say, *words)
        except CannotStart as exc:
            raise Unwilling("Redis did not answer.") from exc
