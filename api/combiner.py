"""Orders of one tenant that wait at the same time share a commit; each is still answered for itself.

All of a tenant's writes meet at one row lock, held until the commit is on disk: one at a time, a hot shop is as
fast as the disk syncs. So while one commit is under way the shop's next orders wait in a queue, and then go together.
Knows queues and answers; what is written, and how, is `api/db/orders.py`.

Why: docs/decisions/0064-shared-commits.md
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from api.db.orders import Placing, place_orders
from api.db.writes import WriteOutcome, Written
from api.metrics import SHARED_COMMITS
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database


@dataclass(slots=True, eq=False)
class Waiter:
    """An order in a queue."""

    placing: Placing
    answer: asyncio.Future[Written]
    expiry: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class Queue:
    """A tenant with a commit under way: who waits for the next one, and whose keys are waiting or under way."""

    waiting: deque[Waiter] = field(default_factory=deque)
    keys: set[tuple[str, str] | None] = field(default_factory=set)


class Combiner:
    """The queues of all tenants; a tenant without an order under way has none."""

    def __init__(self, database: Database, orders_a_commit: int, wait_seconds: float) -> None:
        self._database = database
        self._most = orders_a_commit
        self._wait_seconds = wait_seconds
        self._queues: dict[str, Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def place(self, placing: Placing) -> Written:
        """Commit an order: at once when its tenant has nothing under way, else with those that wait beside it.

        Raises:
            Unavailable: PostgreSQL, or it waited too long in the queue.
            Violation: as `place_order`; for this order alone.
        """
        tenant, key = placing.attempt.tenant, placing.attempt.owned_key
        queue = self._queues.get(tenant)
        if queue is not None and key is not None and key in queue.keys:
            return Written(WriteOutcome.STILL_RUNNING, False, b"{}", ())
        if queue is not None:
            return await self._wait(queue, placing)
        queue = self._queues[tenant] = Queue(keys=set() if key is None else {key})
        try:
            return (await place_orders(self._database, [placing]))[0]
        finally:
            queue.keys.discard(key)
            self._go_on(tenant, queue)

    async def _wait(self, queue: Queue, placing: Placing) -> Written:
        loop = asyncio.get_running_loop()
        waiter = Waiter(placing, loop.create_future())
        waiter.expiry = loop.call_later(self._wait_seconds, _give_up, queue, waiter)
        queue.waiting.append(waiter)
        if placing.attempt.owned_key is not None:
            queue.keys.add(placing.attempt.owned_key)
        return await waiter.answer

    def _go_on(self, tenant: str, queue: Queue) -> None:
        """Serve the orders that wait, or forget the queue. The first one is answered already: it serves no others."""
        if not queue.waiting:
            del self._queues[tenant]
            return
        task = asyncio.create_task(self._serve(tenant, queue), name="combiner")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, tenant: str, queue: Queue) -> None:
        while queue.waiting:
            group = [queue.waiting.popleft() for _ in range(min(len(queue.waiting), self._most))]
            for waiter in group:
                assert waiter.expiry is not None
                waiter.expiry.cancel()
            await self._place_together(group)
            queue.keys.difference_update(waiter.placing.attempt.owned_key for waiter in group)
        del self._queues[tenant]

    async def _place_together(self, group: Sequence[Waiter]) -> None:
        try:
            written = await place_orders(self._database, [waiter.placing for waiter in group])
        except Unavailable as exc:
            for waiter in group:
                _refuse(waiter, exc)
        except Exception as exc:
            if len(group) == 1:
                _refuse(group[0], exc)
                return
            # One of them cannot be written, so nothing was: it is found by asking for each alone.
            for waiter in group:
                await self._place_together([waiter])
        else:
            SHARED_COMMITS.observe(len(group))
            for waiter, answer in zip(group, written, strict=True):
                if not waiter.answer.done():
                    waiter.answer.set_result(answer)


def _refuse(waiter: Waiter, exc: Exception) -> None:
    if not waiter.answer.done():
        # Of its own: one exception raised in many tasks would collect all their tracebacks.
        waiter.answer.set_exception(Unavailable(exc.what) if isinstance(exc, Unavailable) else exc)


def _give_up(queue: Queue, waiter: Waiter) -> None:
    queue.waiting.remove(waiter)
    queue.keys.discard(waiter.placing.attempt.owned_key)
    _refuse(waiter, Unavailable("a slot for another order of this tenant"))
