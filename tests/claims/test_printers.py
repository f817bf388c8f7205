"""Two tills with one printer's work between them: every order is printed, and twice only where one died in between.

Real pods, of which one is killed; tills are killed between any two of their steps and come back knowing nothing.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from api.db.audit import audit
from api.db.operator_keys import create_operator_key
from tests.conftest import MakeDatabase, StartApiPod
from tests.shop import Operator, Shop, Terminal, bearer
from tests.sizes import SIZES

TTL_SECONDS = 1
PAUSE_SECONDS = 0.2
# Answers have milliseconds.
GRAIN = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A piece of paper."""

    order: str
    till: str
    fence: int


@dataclass(slots=True)
class Kitchen:
    """The end of it all, as somebody sees who stands there: paper, what each till was told, and where tills died."""

    paper: list[Sheet] = field(default_factory=list)
    told: dict[tuple[str, int], list[tuple[str, datetime]]] = field(default_factory=lambda: defaultdict(list))
    deaths: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    finished: set[str] = field(default_factory=set)
    killed: int = 0
    printed: asyncio.Event = field(default_factory=asyncio.Event)


class Till:
    """A till that prints: it has one order in its hands at most, and dies whenever somebody says so."""

    def __init__(self, doors: list[Shop], terminal: Terminal, orders: list[str], kitchen: Kitchen) -> None:
        self.terminal = terminal
        self._doors = doors
        self._kitchen = kitchen
        self._orders = orders
        self._printed: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._on_the_way: set[asyncio.Task[httpx.Response]] = set()

    def start(self) -> None:
        """Begin, or begin again: nothing of the life before is known."""
        self._printed = None
        self._task = asyncio.create_task(self._live())

    async def kill(self) -> None:
        """End it where it stands."""
        assert self._task is not None
        if self._task.done():
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._kitchen.killed += 1
        if self._printed is not None:
            self._kitchen.deaths[self._printed] += 1

    async def end(self) -> None:
        """Wait until there is nothing to print any more."""
        assert self._task is not None
        await self._task
        await asyncio.gather(*self._on_the_way, return_exceptions=True)

    async def _live(self) -> None:
        while waiting := [order for order in self._orders if order not in self._kitchen.finished]:
            random.shuffle(waiting)
            printed = 0
            for order in waiting:
                printed += await self._print(order)
            if not printed:
                # All that is left is in the other one's hands, or was in a dead one's.
                await asyncio.sleep(PAUSE_SECONDS)

    async def _print(self, order: str) -> bool:
        status, answer = await self._insist(
            f"{order}/claims", {"purpose": "print", "ttlSeconds": TTL_SECONDS}
        )
        if status == 409:
            if answer.get("done"):
                self._kitchen.finished.add(order)
            return False
        assert status == 200, answer
        fence, until = answer["fence"], datetime.fromisoformat(answer["expiresAt"])
        self._kitchen.told[order, fence].append((self.terminal.terminal_id, until))
        self._kitchen.paper.append(Sheet(order, self.terminal.terminal_id, fence))
        self._printed = order
        self._kitchen.printed.set()
        # A till that is killed here has not even asked.
        await asyncio.sleep(0)
        status, answer = await self._insist(f"{order}/claims/print/done", {"fence": fence})
        self._printed = None
        if status == 409:
            # This till was slower than its claim, which is no death: another one may have printed it.
            assert answer["type"] == "urn:bellwire:problem:stale-fence"
            self._kitchen.deaths[order] += 1
            return True
        assert status == 204, answer
        self._kitchen.finished.add(order)
        return True

    async def _insist(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ask at any pod until there is an answer. A question that is on its way when its till is killed arrives."""
        while True:
            door = random.choice(self._doors)
            question = asyncio.create_task(
                door.http.post(door.path(f"orders/{path}"), json=body, headers=bearer(self.terminal.key))
            )
            self._on_the_way.add(question)
            question.add_done_callback(self._on_the_way.discard)
            try:
                answer = await asyncio.shield(question)
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if answer.status_code != 503:
                return answer.status_code, answer.json() if answer.content else {}
            await asyncio.sleep(0.1)


@pytest.fixture(params=SIZES)
def full(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@contextlib.asynccontextmanager
async def doors_of(*urls: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(httpx.AsyncClient(base_url=u, timeout=30)) for u in urls]


@pytest.mark.timeout(600)
async def test_every_order_is_printed_and_at_most_once_more_than_tills_died_between_paper_and_done(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, full: bool
) -> None:
    count, a_kill = (1000, 100) if full else (90, 10)
    url = await migrated_database()
    pods = [start_api_pod({"BELLWIRE_DATABASE_URL": url}, ready=False) for _ in range(2)]
    for pod in pods:
        pod.await_ready()
    async with doors_of(*(pod.url for pod in pods)) as (first, second):
        shop = await Operator(first, await create_operator_key(url)).open_shop()
        await shop.add_terminal("bar")
        orders: list[str] = []
        for begin in range(0, count, 20):
            batch = await asyncio.gather(*(shop.order() for _ in range(begin, min(begin + 20, count))))
            orders += [order["orderId"] for order in batch]
        kitchen = Kitchen()
        tills = [Till([shop, shop.at(second)], terminal, orders, kitchen) for terminal in shop.terminals]
        for till in tills:
            till.start()

        async def deaths() -> None:
            for number in range(1, count // a_kill):
                while len(kitchen.paper) < number * a_kill:
                    kitchen.printed.clear()
                    await kitchen.printed.wait()
                # In turns the one with the paper in its hands, and the other one, wherever it is.
                has_paper = kitchen.paper[-1].till == tills[0].terminal.terminal_id
                victim = tills[0 if has_paper == bool(number % 2) else 1]
                await victim.kill()
                if number == count // a_kill // 2:
                    os.kill(pods[1].pid, signal.SIGKILL)
                victim.start()

        await deaths()
        for till in tills:
            await till.end()
    sheets: dict[str, list[Sheet]] = defaultdict(list)
    for sheet in kitchen.paper:
        sheets[sheet.order].append(sheet)
    assert set(sheets) == set(orders)
    assert kitchen.killed == count // a_kill - 1
    assert pods[1].restarts >= 1
    too_often = {
        order: (some, kitchen.deaths[order])
        for order, some in sheets.items()
        if len(some) > 1 + kitchen.deaths[order]
    }
    assert not too_often
    # Some died with the paper in their hands, or this would show nothing.
    assert sum(kitchen.deaths.values()) > 0
    for (order, fence), told in kitchen.told.items():
        assert len({till for till, _ in told}) == 1
        before = kitchen.told.get((order, fence - 1))
        if before is not None:
            given = min(until for _, until in told) - timedelta(seconds=TTL_SECONDS)
            assert max(until for _, until in before) <= given + GRAIN
    assert not [finding for finding in await audit(url) if finding.broken]
