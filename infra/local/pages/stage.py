"""The lines of the wall's stream: gateways, Redis, which gateway has which till, and what was just done to them.

One look a second for all pages together, and none while no page looks.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from infra.local.cluster import Cluster
from infra.local.pods import Pod

LOOK_SECONDS = 1.0
ANSWER_SECONDS = 0.8
# A page that does not read for so many lines has its stream ended, and comes back.
MOST_WAITING = 256

Line = dict[str, Any]


class Stage:
    """Those that look, and one look for all of them. `operator` is an HTTP client with the operator's key."""

    def __init__(self, cluster: Cluster, operator: httpx.AsyncClient, tenant: str) -> None:
        self._cluster = cluster
        self._operator = operator
        self._tenant = tenant
        self._pods = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)
        self._lookers: set[asyncio.Queue[Line | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self.is_frozen = False

    async def lines(self) -> AsyncIterator[Line]:
        """All that happens from now on, until `stop`, or until this reader is too slow."""
        queue: asyncio.Queue[Line | None] = asyncio.Queue(MOST_WAITING)
        self._lookers.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look(), name="look-at-the-cluster")
        try:
            while (line := await queue.get()) is not None:
                yield line
        finally:
            self._lookers.discard(queue)

    def tell(self, line: Line) -> None:
        """Give everybody that looks a line."""
        for queue in list(self._lookers):
            try:
                queue.put_nowait(line)
            except asyncio.QueueFull:
                self._dismiss(queue)

    async def stop(self) -> None:
        """End every stream."""
        for queue in list(self._lookers):
            self._dismiss(queue)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._pods.aclose()

    def _dismiss(self, queue: asyncio.Queue[Line | None]) -> None:
        self._lookers.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    async def connections(self, pod: Pod) -> int:
        """How many sockets a gateway has; -1 where it does not say."""
        try:
            answer = await self._pods.get(f"{pod.url}/metrics")
        except httpx.HTTPError:
            return -1
        return total(answer.text, "bellwire_gateway_connections")

    async def _look(self) -> None:
        while self._lookers:
            gateways, tills = await asyncio.gather(
                asyncio.gather(*(self._gateway(pod) for pod in self._cluster.gateways)), self._tills()
            )
            self.tell({"type": "state", "gateways": gateways, "tills": tills, "redis": self._redis()})
            await asyncio.sleep(LOOK_SECONDS)

    async def _gateway(self, pod: Pod) -> Line:
        line = {"name": pod.name, "pid": pod.pid_if_alive, "restarts": pod.restarts}
        if pod.pid_if_alive is None:
            return {**line, "state": "down"}
        try:
            ready = await self._pods.get(f"{pod.url}/readyz")
            metrics = await self._pods.get(f"{pod.url}/metrics")
        except httpx.HTTPError:
            return {**line, "state": "starting"}
        return {
            **line,
            "state": state_of(ready.status_code),
            "connections": total(metrics.text, "bellwire_gateway_connections"),
            "refused": total(metrics.text, "bellwire_redis_refused_total"),
        }

    async def _tills(self) -> dict[str, str]:
        """The gateway of each terminal that is online, as an operator is told."""
        try:
            answer = await self._operator.get(f"/api/tenant/{self._tenant}/terminals", timeout=ANSWER_SECONDS)
            terminals = answer.json()["terminals"]
        except (httpx.HTTPError, ValueError, KeyError):
            return {}
        return {str(each["terminalId"]): each["gateway"] for each in terminals if each["online"]}

    def _redis(self) -> str:
        valkey = self._cluster.valkey
        if valkey is None:
            return "yours"
        if not valkey.alive:
            return "gone"
        return "frozen" if self.is_frozen else "up"


def state_of(ready: int) -> str:
    """In a word, from its own answer at `/readyz`: 404 is one on its way out, 503 one that still lacks something."""
    return {200: "up", 404: "draining"}.get(ready, "starting")


def total(text: str, name: str) -> int:
    """The sum of a metric's samples; quicker than a parser, for one that is asked each second."""
    return int(sum(float(line.rpartition(" ")[2]) for line in samples(text, name)))


def samples(text: str, name: str) -> Iterator[str]:
    """The lines of the samples that have this name, whatever their labels."""
    for line in text.splitlines():
        if line.startswith((f"{name} ", f"{name}{{")):
            yield line
