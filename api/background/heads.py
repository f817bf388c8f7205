"""Wake the requests that wait for a tenant's next event.

Redis wakes: the pod hears the live channels of the tenants that requests wait for. PostgreSQL decides: the head of a
tenant that was heard is read at once, and once a second the heads of all tenants that are waited for are read together,
so that a lost message costs a second. With them goes whether the keys that wait are still valid. However many requests
wait, that is one question of each kind; without any there is none.

Why: docs/decisions/0051-polling-wakes.md
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from api.metrics import HEAD_QUESTIONS
from backbone.contract.errors import BellwireError, Problem, Unavailable, Violation
from backbone.contract.event import Event
from backbone.contract.offset import BEGINNING, Offset
from backbone.eventlog.access import find_keys
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from backbone.eventlog.topology import Topology
from backbone.runtime.settings import PodSettings

ASK_SECONDS = 1.0
SUSPECT_ASK_SECONDS = 0.25
"""The same while Redis does not answer."""
GATHER_SECONDS = 0.005
KEYS_A_QUESTION = 5000
LINGER_SECONDS = 60.0
"""A tenant stays subscribed for so long after its last waiter: a terminal that polls comes back at once."""


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that waits for a head later than `seen`, with the key that has this hash."""

    seen: Offset
    key_hash: bytes
    woken: asyncio.Future[Offset | None]

    def wake(self, head: Offset | None) -> None:
        """Answer it; one that was answered already, or has gone, keeps what it has."""
        if not self.woken.done():
            self.woken.set_result(head)

    def fail(self, error: BellwireError) -> None:
        """Let it end with an error."""
        if not self.woken.done():
            self.woken.set_exception(error)


@dataclass(eq=False, slots=True)
class Watched:
    """A tenant that is subscribed, because somebody waits for it or did until a moment ago.

    `heard` is the newest offset that Redis told, `idle_since` when the last waiter left (None while there is one).
    """

    waiters: set[Waiter] = field(default_factory=set)
    heard: Offset = BEGINNING
    idle_since: float | None = None


class HeadWatch:
    """The tenants that are watched, and the bodies of two tasks (`run` and `feed.run`) that serve their waiters."""

    def __init__(self, settings: PodSettings, topology: Topology, database: Database) -> None:
        self._database = database
        self._watched: dict[str, Watched] = {}
        self._due: set[str] = set()
        self._stirred = asyncio.Event()
        self._released = False
        self.feed = LiveFeed(settings, topology, self._on_event, self._on_confirmed, on_head=self._on_head)

    async def later_than(self, tenant: str, head: Offset, deadline: float, key_hash: bytes) -> Offset | None:
        """Wait until the tenant's head is later than `head` and return it.

        None when `deadline` (the loop's time) passes first, or the pod is about to stop.

        Raises:
            Violation: the key with this hash has ended meanwhile (401).
            Unavailable: PostgreSQL, meanwhile.
        """
        loop = asyncio.get_running_loop()
        if self._released or deadline <= loop.time():
            return None
        waiter = Waiter(head, key_hash, loop.create_future())
        watched = self._follow(tenant)
        watched.waiters.add(waiter)
        if watched.heard > head:
            # Announced after the caller looked and before it waited.
            self._stir(tenant)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter.woken
        except TimeoutError:
            return None
        finally:
            self._leave(watched, waiter)

    @property
    def released(self) -> bool:
        """Whether the pod is about to stop."""
        return self._released

    def release(self) -> None:
        """Answer all waiters with what there is: the pod is about to stop."""
        self._released = True
        for watched in self._watched.values():
            for waiter in watched.waiters:
                waiter.wake(None)

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
                tenants, reason = self._waited_for(), "fallback"
                asked_all_at = loop.time()
            else:
                # Messages come in crowds; one question answers those of the next moment too.
                await asyncio.sleep(GATHER_SECONDS)
                tenants, reason = [tenant for tenant in self._due if self._has_waiters(tenant)], "wake"
            self._stirred.clear()
            self._due.clear()
            if tenants:
                HEAD_QUESTIONS.labels(reason).inc()
                if reason == "fallback":
                    await self._dismiss(tenants)
                await self._ask(tenants)
            self._unfollow_idle(loop.time())

    async def _dismiss(self, tenants: list[str]) -> None:
        """Refuse those who wait with a key that has ended."""
        waiters = [waiter for tenant in tenants for waiter in self._waiters_of(tenant)]
        hashes = list({waiter.key_hash for waiter in waiters})
        for first in range(0, len(hashes), KEYS_A_QUESTION):
            asked = hashes[first : first + KEYS_A_QUESTION]
            try:
                valid = await find_keys(self._database, asked)
            except Unavailable:
                # The heads are asked for next, and whoever waits is told.
                return
            ended = set(asked) - valid.keys()
            for waiter in waiters:
                if waiter.key_hash in ended:
                    waiter.fail(Violation(Problem.UNAUTHORIZED, "The key is no longer valid"))

    async def _ask(self, tenants: list[str]) -> None:
        try:
            found = await read_heads(self._database, tenants)
        except Unavailable as exc:
            for tenant in tenants:
                for waiter in self._waiters_of(tenant):
                    waiter.fail(exc)
            return
        for tenant, head in found.items():
            for waiter in self._waiters_of(tenant):
                if head > waiter.seen:
                    waiter.wake(head)

    # -- the feed ------------------------------------------------------------------------------------------------

    def _on_event(self, tenant: str, event: Event) -> None:
        self._on_head(tenant, event.offset)

    def _on_head(self, tenant: str, head: Offset) -> None:
        watched = self._watched.get(tenant)
        if watched is not None:
            watched.heard = max(watched.heard, head)
            self._stir(tenant)

    def _on_confirmed(self, tenant: str) -> None:
        # No message from before the subscription held was heard.
        self._stir(tenant)

    def _stir(self, tenant: str) -> None:
        if self._has_waiters(tenant):
            self._due.add(tenant)
            self._stirred.set()

    # -- the tenants ---------------------------------------------------------------------------------------------

    def _waiters_of(self, tenant: str) -> set[Waiter]:
        watched = self._watched.get(tenant)
        return watched.waiters if watched is not None else set()

    def _has_waiters(self, tenant: str) -> bool:
        return bool(self._waiters_of(tenant))

    def _waited_for(self) -> list[str]:
        return [tenant for tenant, watched in self._watched.items() if watched.waiters]

    def _follow(self, tenant: str) -> Watched:
        """Return the tenant's record, subscribed from now on if it was not."""
        watched = self._watched.get(tenant)
        if watched is None:
            watched = self._watched[tenant] = Watched()
            self.feed.want(tenant)
        watched.idle_since = None
        return watched

    def _leave(self, watched: Watched, waiter: Waiter) -> None:
        watched.waiters.discard(waiter)
        if not watched.waiters:
            watched.idle_since = asyncio.get_running_loop().time()

    def _unfollow_idle(self, now: float) -> None:
        for tenant, watched in list(self._watched.items()):
            if watched.idle_since is not None and now - watched.idle_since > LINGER_SECONDS:
                del self._watched[tenant]
                self.feed.unwant(tenant)
