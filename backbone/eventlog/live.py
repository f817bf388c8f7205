"""Hear the live channels of a changing set of tenants, and know when hearing cannot be trusted.

Knows Redis. Promises nothing about completeness: a message may be lost, late or double, and the head check makes up for
it. What it does promise is to say so: every confirmed subscription is reported (a gap may lie before it), and a Redis
that does not return a canary within 3 s is left and tried anew.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from backbone.contract.errors import Violation
from backbone.contract.event import Event, decode_live
from backbone.eventlog.keys import canary_channel, live_channel, tenant_of_channel
from backbone.eventlog.stream import connect
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.live")

CANARY_SECONDS = 1.0
CANARY_MISSED_SECONDS = 3.0
CHANNELS_A_COMMAND = 500


class CanaryMissed(Exception):
    """Redis took our canary and did not give it back: it is frozen, cut off, or not the one we listen to."""


class LiveFeed:
    """One subscription. `run` is its only task's body; the callbacks are called from it and must not wait."""

    def __init__(
        self,
        settings: PodSettings,
        on_event: Callable[[str, Event], None],
        on_confirmed: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._on_confirmed = on_confirmed
        self._canary = canary_channel(settings.pod_name).encode()
        self._wanted: set[str] = set()
        self._changed = asyncio.Event()
        self._heard_at = 0.0
        self._up = False

    @property
    def trusted(self) -> bool:
        """Whether a canary came back lately. While it is not, heads are checked more often."""
        return self._up and time.monotonic() - self._heard_at < 2 * CANARY_SECONDS

    def want(self, tenant: str) -> None:
        """Hear this tenant from now on."""
        self._wanted.add(tenant)
        self._changed.set()

    def unwant(self, tenant: str) -> None:
        """Do not hear this tenant any more."""
        self._wanted.discard(tenant)
        self._changed.set()

    async def run(self) -> None:
        """Keep a session up for ever; ends by cancellation only."""
        while True:
            try:
                await self._session()
            except* (RedisError, OSError, TimeoutError, CanaryMissed) as group:
                log.warning("live.lost", extra={"error": type(group.exceptions[0]).__name__})
            self._up = False
            await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter, not a secret

    async def _session(self) -> None:
        client = connect(self._settings)
        pubsub = client.pubsub()
        try:
            async with asyncio.timeout(4 * self._settings.redis_timeout_seconds):
                await pubsub.ssubscribe(self._canary)
            self._heard_at = time.monotonic()
            self._up = True
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(pubsub), name="live-listen")
                tasks.create_task(self._follow_wanted(pubsub), name="live-subscribe")
                tasks.create_task(self._sing(), name="live-canary")
        finally:
            # Bounded: closing must not hang on the peer that we leave because it hangs.
            async with asyncio.timeout(1):
                await pubsub.aclose()
                await client.aclose()

    async def _listen(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=CANARY_MISSED_SECONDS)
            if message is None:
                continue
            match message["type"]:
                case "smessage" if message["channel"] == self._canary:
                    self._heard_at = time.monotonic()
                case "smessage":
                    self._hand_over(message["channel"], message["data"])
                case "ssubscribe" if message["channel"] != self._canary:
                    self._on_confirmed(tenant_of_channel(message["channel"].decode()))

    def _hand_over(self, channel: bytes, data: bytes) -> None:
        try:
            event = decode_live(data)
        except Violation:
            log.warning("live.not_ours", extra={"channel": channel.decode(errors="replace")})
            return
        self._on_event(tenant_of_channel(channel.decode()), event)

    async def _follow_wanted(self, pubsub: PubSub) -> None:
        current: set[str] = set()
        while True:
            self._changed.clear()
            added, removed = list(self._wanted - current), list(current - self._wanted)
            for start in range(0, len(added), CHANNELS_A_COMMAND):
                await pubsub.ssubscribe(*(live_channel(t) for t in added[start : start + CHANNELS_A_COMMAND]))
            for start in range(0, len(removed), CHANNELS_A_COMMAND):
                await pubsub.sunsubscribe(
                    *(live_channel(t) for t in removed[start : start + CHANNELS_A_COMMAND])
                )
            current = current.union(added).difference(removed)
            await self._changed.wait()

    async def _sing(self) -> None:
        # A connection of its own, so that a stuck subscription does not silence the canary that would show it.
        client = connect(self._settings)
        try:
            while True:
                await client.execute_command("SPUBLISH", self._canary, b"")
                await asyncio.sleep(CANARY_SECONDS)
                if time.monotonic() - self._heard_at > CANARY_MISSED_SECONDS:
                    raise CanaryMissed
        finally:
            await client.aclose()
