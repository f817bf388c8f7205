"""Wake whoever waits for a tenant's next event.

Redis is what wakes: the pod hears the live channels of the tenants that somebody waits for. What PostgreSQL says
counts: a tenant that was heard of is asked for at once, and all that are waited for together once a second, so that a
message which never came is made up for. However many wait, they are one question; while nobody waits there is none.
"""

import asyncio
import contextlib

from api.metrics import HEAD_QUESTIONS
from backbone.contract.errors import Unavailable
from backbone.contract.event import Event
from backbone.contract.offset import BEGINNING, Offset
from backbone.eventlog.history import heads
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.postgres import Database
from backbone.runtime.settings import PodSettings

ASK_SECONDS = 1.0
SUSPECT_ASK_SECONDS = 0.25
"""The same while Redis does not answer."""
GATHER_SECONDS = 0.005
LINGER_SECONDS = 60.0
"""A tenant stays subscribed for so long after its last waiter: who polls comes back at once."""


class HeadWatch:
    """Waiters by tenant, and the bodies of two tasks (`run` and `feed.run`) that serve them."""

    def __init__(self, settings: PodSettings, database: Database) -> None:
        self._database = database
        self._waiters: dict[str, set[tuple[Offset, asyncio.Future[Offset | None]]]] = {}
        # Tenants that are subscribed, with the newest offset heard of; and since when nobody has waited for them.
        self._heard: dict[str, Offset] = {}
        self._idle_since: dict[str, float] = {}
        self._due: set[str] = set()
        self._stirred = asyncio.Event()
        self._released = False
        self.feed = LiveFeed(settings, self._on_event, self._on_confirmed)

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
        self._follow(tenant)
        if self._heard[tenant] > head:
            # Announced after the caller looked and before it waited.
            self._stir(tenant)
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
        for tenant in self._waiters:
            for _, waiter in self._waiters[tenant]:
                if not waiter.done():
                    waiter.set_result(None)

    async def run(self) -> None:
        """Serve for ever; ends by cancellation only."""
        loop = asyncio.get_running_loop()
        asked_all_at = loop.time()
        while True:
            due = asked_all_at + (ASK_SECONDS if self.feed.trusted else SUSPECT_ASK_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._stirred.wait()
            # By the clock, not by the wait's end: where something always stirs, no wait would ever run out.
            if loop.time() >= due:
                tenants, reason = set(self._waiters), "fallback"
                asked_all_at = loop.time()
            else:
                # Messages come in crowds; one question answers those of the next moment too.
                await asyncio.sleep(GATHER_SECONDS)
                tenants, reason = self._due & self._waiters.keys(), "wake"
            self._stirred.clear()
            self._due.clear()
            if tenants:
                HEAD_QUESTIONS.labels(reason).inc()
                await self._ask(list(tenants))
            self._unfollow_idle(loop.time())

    async def _ask(self, tenants: list[str]) -> None:
        try:
            found = await heads(self._database, tenants)
        except Unavailable as exc:
            for tenant in tenants:
                for _, waiter in self._waiters.get(tenant, ()):
                    if not waiter.done():
                        waiter.set_exception(exc)
            return
        for tenant, head in found.items():
            for seen, waiter in self._waiters.get(tenant, ()):
                if head > seen and not waiter.done():
                    waiter.set_result(head)

    # -- the feed ------------------------------------------------------------------------------------------------

    def _on_event(self, tenant: str, event: Event) -> None:
        if tenant in self._heard:
            self._heard[tenant] = max(self._heard[tenant], event.offset)
            self._stir(tenant)

    def _on_confirmed(self, tenant: str) -> None:
        # Whatever was announced before the subscription held was heard by nobody.
        self._stir(tenant)

    def _stir(self, tenant: str) -> None:
        if tenant in self._waiters:
            self._due.add(tenant)
            self._stirred.set()

    def _follow(self, tenant: str) -> None:
        self._idle_since.pop(tenant, None)
        if tenant not in self._heard:
            self._heard[tenant] = BEGINNING
            self.feed.want(tenant)

    def _unfollow_idle(self, now: float) -> None:
        for tenant, since in list(self._idle_since.items()):
            if now - since > LINGER_SECONDS:
                del self._idle_since[tenant], self._heard[tenant]
                self.feed.unwant(tenant)

    def _forget(self, tenant: str, waiter: tuple[Offset, asyncio.Future[Offset | None]]) -> None:
        waiters = self._waiters[tenant]
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[tenant]
            self._idle_since[tenant] = asyncio.get_running_loop().time()
