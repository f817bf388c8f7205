"""Orders of one tenant that wait at the same time share a commit; each is still answered for itself.

All of a tenant's writes meet at one row lock, held until the commit is on disk: one at a time, a hot shop is as
fast as the disk syncs. So while one commit is under way the shop's next orders wait in a line, and then go together.
Knows lines and answers; what is written, and how, is `api/db/orders.py`.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from api.db.orders import Placing, place_orders
from api.db.writes import Written
from api.metrics import SHARED_COMMITS
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database


@dataclass(slots=True, eq=False)
class Waiter:
    """An order in line."""

    placing: Placing
    answer: asyncio.Future[Written]
    expiry: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class Line:
    """A tenant with a commit under way: who waits for the next one, and whose keys are waiting or under way."""

    waiting: deque[Waiter] = field(default_factory=deque)
    keys: set[str] = field(default_factory=set)


class Combiner:
    """The lines of all tenants; one that nobody orders from at the moment has none."""

    def __init__(self, database: Database, orders_a_commit: int, wait_seconds: float) -> None:
        self._database = database
        self._most = orders_a_commit
        self._wait_seconds = wait_seconds
        self._lines: dict[str, Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def place(self, placing: Placing) -> Written:
        """Commit an order: at once when its tenant has nothing under way, else with those that wait beside it.

        Raises:
            Unavailable: PostgreSQL, or the line was too long.
            Violation: as `place_order`; for this order alone.
        """
        tenant, key = placing.attempt.tenant, placing.attempt.key
        line = self._lines.get(tenant)
        if line is not None and key is not None and key in line.keys:
            return Written("still_running", False, b"{}", ())
        if line is not None:
            return await self._wait(line, placing)
        line = self._lines[tenant] = Line(keys=set() if key is None else {key})
        try:
            return (await place_orders(self._database, [placing]))[0]
        finally:
            line.keys.discard(key or "")
            self._go_on(tenant, line)

    async def _wait(self, line: Line, placing: Placing) -> Written:
        loop = asyncio.get_running_loop()
        waiter = Waiter(placing, loop.create_future())
        waiter.expiry = loop.call_later(self._wait_seconds, _give_up, line, waiter)
        line.waiting.append(waiter)
        if placing.attempt.key is not None:
            line.keys.add(placing.attempt.key)
        return await waiter.answer

    def _go_on(self, tenant: str, line: Line) -> None:
        """Serve who waits, or forget the line. Whoever was first is answered and does not serve the others."""
        if not line.waiting:
            del self._lines[tenant]
            return
        task = asyncio.create_task(self._serve(tenant, line), name="combiner")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, tenant: str, line: Line) -> None:
        while line.waiting:
            group = [line.waiting.popleft() for _ in range(min(len(line.waiting), self._most))]
            for waiter in group:
                assert waiter.expiry is not None
                waiter.expiry.cancel()
            await self._place_together(group)
            line.keys.difference_update(waiter.placing.attempt.key or "" for waiter in group)
        del self._lines[tenant]

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


def _give_up(line: Line, waiter: Waiter) -> None:
    line.waiting.remove(waiter)
    line.keys.discard(waiter.placing.attempt.key or "")
    _refuse(waiter, Unavailable("A turn for another order of this tenant"))
