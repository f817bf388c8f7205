"""Wake whoever waits for a tenant's next event: one question for all in 200 ms, none while nobody waits."""

import asyncio

from backbone.contract.errors import Unavailable
from backbone.contract.offset import Offset
from backbone.eventlog.history import heads
from backbone.eventlog.postgres import Database

ASK_SECONDS = 0.2


class HeadWatch:
    """Waiters by tenant, and the task's body (`run`) that serves them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiters: dict[str, set[tuple[Offset, asyncio.Future[Offset | None]]]] = {}
        self._wanted = asyncio.Event()
        self._released = False

    async def later_than(self, tenant: str, head: Offset, deadline: float) -> Offset | None:
        """Wait until the tenant's head is later than `head` and return it.

        None when `deadline` (the loop's time) passes first, or the pod is about to stop.

        Raises:
            Unavailable: PostgreSQL, meanwhile.
        """
        loop = asyncio.get_running_loop()
        if self._released or deadline <= loop.time():
            return None
        woken: asyncio.Future[Offset | None] = loop.create_future()
        waiter = (head, woken)
        self._waiters.setdefault(tenant, set()).add(waiter)
        self._wanted.set()
        try:
            async with asyncio.timeout_at(deadline):
                return await woken
        except TimeoutError:
            return None
        finally:
            self._forget(tenant, waiter)

    def release(self) -> None:
        """Send everybody home with what there is: the pod is about to stop."""
        self._released = True
        for _, waiter in self._all():
            if not waiter.done():
                waiter.set_result(None)

    async def run(self) -> None:
        """Serve for ever; ends by cancellation only."""
        while True:
            await self._wanted.wait()
            await self._ask()
            await asyncio.sleep(ASK_SECONDS)

    async def _ask(self) -> None:
        try:
            found = await heads(self._database, list(self._waiters))
        except Unavailable as exc:
            for _, waiter in self._all():
                if not waiter.done():
                    waiter.set_exception(exc)
            return
        for tenant, head in found.items():
            for seen, waiter in list(self._waiters.get(tenant, ())):
                if head > seen and not waiter.done():
                    waiter.set_result(head)

    def _all(self) -> list[tuple[Offset, asyncio.Future[Offset | None]]]:
        return [waiter for waiters in self._waiters.values() for waiter in waiters]

    def _forget(self, tenant: str, waiter: tuple[Offset, asyncio.Future[Offset | None]]) -> None:
        waiters = self._waiters[tenant]
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[tenant]
        if not self._waiters:
            self._wanted.clear()
