"""The comparison of every room's head with PostgreSQL, each second or so: what heals every gap that nothing else shows.

It brings along which keys were revoked, which terminals have a newer connection at another gateway and where a customer
was forgotten, and it notices that history forked. Knows rooms; a room that is behind sees to the rest itself.

Why: docs/decisions/0089-head-checks-cost-what-changed.md
"""

import asyncio
import random
import time
from collections.abc import Mapping

from backbone.contract.errors import Unavailable
from backbone.contract.offset import Offset
from backbone.eventlog.epochs import enter_epoch
from backbone.eventlog.head_check import HeadCheck, KnownHeads, check_heads, read_clock
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from backbone.eventlog.schema_gate import SCHEMA, SchemaWaits
from backbone.runtime.health import Health
from backbone.runtime.metrics import LOG_EPOCH, POSTGRES_UP, REDIS_UP
from gateway import metrics
from gateway.rooms.behind import Behind
from gateway.rooms.room import Room
from gateway.settings import GatewaySettings

# So long a pod that has just begun may wait for its first canary before it says that Redis is away.
FIRST_CANARY_SECONDS = 5.0
GATHER_SECONDS = 0.005


class HeadChecker:
    """`rooms` are the open ones by their tenants, whichever they are at the moment. `run` is its only task's body."""

    def __init__(
        self,
        settings: GatewaySettings,
        database: Database,
        feed: LiveFeed,
        health: Health,
        rooms: Mapping[str, Room],
    ) -> None:
        self._pod = settings.pod_name
        self._seconds = settings.head_check_seconds
        self._database = database
        self._feed = feed
        self._health = health
        self._rooms = rooms
        self._behind = Behind(rooms)
        self._known = KnownHeads()
        self._began = time.monotonic()
        self._redis_known = False
        self._is_due = False
        self._woken = asyncio.Event()

    def soon(self) -> None:
        """There is a reason to compare at once."""
        self._is_due = True
        self._woken.set()

    def look_for_unheard(self) -> None:
        """Look whether there are tenants whose Redis cannot be trusted now; the gateway's upkeep asks for it."""
        if self._feed.unheard():
            self._woken.set()

    async def run(self) -> None:
        """Compare, for ever; ends by cancellation only."""
        since = None
        while True:
            try:
                since = since or await read_clock(self._database)
                check = await check_heads(self._database, self._known_heads(), since, self._pod)
                if check.epoch is None:
                    # Level-triggered: whichever pod sees it first enters the new epoch, and the heads are asked anew.
                    await enter_epoch(self._database)
                    continue
                LOG_EPOCH.set(check.epoch)
                since = max(since, check.moment)
                self._apply(check)
                self._report(postgres=True)
            except SchemaWaits:
                self._report(postgres=True, schema=False)
            except Unavailable:
                self._report(postgres=False)
            await self._until_next()

    def _known_heads(self) -> KnownHeads:
        # Most shops have rested since the last time.
        for tenant, room in self._rooms.items():
            if room.log.moved:
                room.log.moved = False
                self._known[tenant] = room.log.head_to_compare
        self._known.keep_only(self._rooms)
        return self._known

    def _apply(self, check: HeadCheck) -> None:
        # First, so that no hole is filled from what the stream has of before.
        for tenant, erased in check.erasures.items():
            if tenant in self._rooms:
                self._rooms[tenant].log.forget(erased)
        metrics.HEAD_CHECK_LAG.set(self._learn(check.heads))
        for change in check.changes:
            room = self._rooms.get(change.tenant)
            if room is not None and change.revoked:
                room.revoke(change.terminal)
            elif room is not None and change.ended_key is not None:
                room.end_key(change.terminal, change.ended_key)
            elif room is not None and change.connection is not None:
                room.replace(change.terminal, change.connection)

    def _learn(self, heads: dict[str, Offset]) -> int:
        """Tell the rooms; returns how many events are missing here."""
        missing = 0
        for tenant, head in heads.items():
            # It may have been closed while PostgreSQL was asked.
            room = self._rooms.get(tenant)
            if room is not None:
                missing += max(0, head.seq - room.log.head_seq)
                room.learn(head)
        metrics.BEHIND_SECONDS.set(self._behind.look(heads, time.monotonic()))
        metrics.HEAD_CHECKED.set(time.time())
        return missing

    def _report(self, *, postgres: bool, schema: bool = True) -> None:
        self._health.report("PostgreSQL", postgres)
        self._health.report(SCHEMA, schema)
        POSTGRES_UP.set(postgres)
        trusted = self._feed.trusted
        if self._redis_known or trusted or time.monotonic() - self._began > FIRST_CANARY_SECONDS:
            self._redis_known = True
            REDIS_UP.set(trusted)
        metrics.UNHEARD.set(len(self._feed.unheard()))

    async def _until_next(self) -> None:
        due = time.monotonic() + self._seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        while not self._is_due:
            try:
                async with asyncio.timeout(due - time.monotonic()):
                    await self._woken.wait()
            except TimeoutError:
                return
            self._woken.clear()
            if not self._is_due:
                await self._check_unheard()
        # Confirmations come in crowds; one check answers those of the next moment too.
        await asyncio.sleep(GATHER_SECONDS)
        self._is_due = False
        self._woken.clear()

    async def _check_unheard(self) -> None:
        """Look more often after those tenants whose Redis cannot be trusted, and after no others."""
        tenants = [tenant for tenant in self._feed.unheard() if tenant in self._rooms]
        if tenants:
            try:
                self._learn(await read_heads(self._database, tenants))
            except SchemaWaits:
                self._report(postgres=True, schema=False)
            except Unavailable:
                self._report(postgres=False)
