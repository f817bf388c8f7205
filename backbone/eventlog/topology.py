"""Find out which server has which slot, and notice when that changes.

Knows the three shapes; nobody above does. Asks in the background, one question at a time, whenever a user had
trouble, and promises only the newest answer: it may be old, and a server that has lost a slot says so itself (MOVED).

Why: docs/decisions/0030-shapes-of-redis.md
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from backbone.eventlog.node import connect
from backbone.eventlog.slot_map import NOTHING_KNOWN, SlotMap
from backbone.runtime.outage import Outage
from backbone.runtime.redis_url import Address, RedisPlace, Shape
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.redis")

LOOK_AGAIN_SECONDS = 0.25
"""At least so long between two questions, whatever the trouble."""
LOOK_SECONDS = 2.0
"""How old an answer may get while it is in use. A primary that was frozen, has lost its place and wakes, takes writes
until the Sentinels tell it, some ten seconds later: only they know better."""
NEVER = float("-inf")
NOBODY_HINT = (
    "no order is lost, events come later; see that one of the servers that BELLWIRE_REDIS_URL names runs"
)


class Topology:
    """The newest slot map of a pod's Redis. One a pod: whatever one user of it finds out, all know."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._on_change: list[Callable[[], None]] = []
        self._place = RedisPlace.parse(settings.redis_url)
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = NEVER
        self._outage = Outage(log, "redis.nobody_answers", NOBODY_HINT)
        single = self._place.shape is Shape.SINGLE
        self.slot_map = SlotMap.of_one(self._place.seeds[0]) if single else NOTHING_KNOWN

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever there is another slot map; it must not wait."""
        self._on_change.append(callback)

    @property
    def clustered(self) -> bool:
        """Whether a command may name channels of one slot only."""
        return self._place.shape is Shape.CLUSTER

    def url_of(self, address: Address) -> str:
        """Where to connect to."""
        return self._place.url_of(address)

    async def ready(self) -> None:
        """Wait for the first look, within the settings' timeout; after it, whatever came of it, return at once."""
        if self.slot_map is NOTHING_KNOWN:
            self.look_soon()
            if self._looking is not None and self._looked_at == NEVER:
                await asyncio.wait([self._looking], timeout=self._settings.redis_timeout_seconds)

    def look_soon(self) -> None:
        """A user had trouble: ask again, in the background."""
        if self._looking is None and self._place.shape is not Shape.SINGLE:
            self._looking = asyncio.create_task(self._look(), name="redis-topology")
            self._looking.add_done_callback(self._looked)

    def look_if_old(self) -> None:
        """The slot map is in use: see to it that it is not an old one."""
        if asyncio.get_running_loop().time() - self._looked_at > LOOK_SECONDS:
            self.look_soon()

    def moved(self, slot: int, address: Address) -> None:
        """A server said who has this slot now; it may not be the only one that moved."""
        self._take(self.slot_map.moved(slot, address))
        self.look_soon()

    async def close(self) -> None:
        """End the question that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._looked_at + LOOK_AGAIN_SECONDS - now))
        slot_map = await (self._ask_cluster() if self.clustered else self._ask_sentinels())
        if slot_map is None:
            self._outage.met(shape=self._place.shape.value)
        else:
            self._outage.worked()
            self._take(slot_map)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looked_at = asyncio.get_running_loop().time()
        self._looking = None
        if not task.cancelled() and task.exception() is not None:
            log.error("redis.topology_bug", exc_info=task.exception())

    def _take(self, slot_map: SlotMap) -> None:
        if slot_map != self.slot_map:
            self.slot_map = slot_map
            log.info("redis.topology", extra={"nodes": sorted(map(str, slot_map.servers))})
            for changed in self._on_change:
                changed()

    async def _ask_sentinels(self) -> SlotMap | None:
        user, password = self._place.sentinel_login
        seconds = self._settings.redis_timeout_seconds
        options = {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "retry": Retry(NoBackoff(), 0),
            "username": user or None,
            "password": password or None,
        }
        seeds = random.sample(self._place.seeds, len(self._place.seeds))
        sentinel = Sentinel(seeds, sentinel_kwargs=options)
        try:
            async with asyncio.timeout(seconds * (len(seeds) + 1)):
                host, port = await sentinel.discover_master(self._place.primary_name)
        except (RedisError, OSError, TimeoutError):
            return None
        finally:
            await sentinel.aclose()
        return SlotMap.of_one(Address(host, port))

    async def _ask_cluster(self) -> SlotMap | None:
        # Servers with slots first: a seed may have left the cluster and not know it.
        known = list(self.slot_map.servers)
        seeds = [seed for seed in self._place.seeds if seed not in known]
        for address in (*random.sample(known, len(known)), *random.sample(seeds, len(seeds))):
            slot_map = await self._ask_node(address)
            if slot_map is not None:
                return slot_map
        return None

    async def _ask_node(self, address: Address) -> SlotMap | None:
        client: Redis = connect(self._settings, self.url_of(address))
        try:
            async with asyncio.timeout(self._settings.redis_timeout_seconds):
                # Two words, so that the library leaves the answer as it is.
                slots = await client.execute_command("CLUSTER", "SLOTS")
        except (RedisError, OSError, TimeoutError):
            return None
        finally:
            await client.aclose()
        slot_map = SlotMap.of_ranges(_ranges(slots, address))
        return slot_map if slot_map.servers else None


def _ranges(slots: Any, asked: Address) -> list[tuple[int, int, Address]]:
    """Read CLUSTER SLOTS; a node that does not know its own name leaves it empty."""
    found = []
    for first, last, primary, *_ in slots:
        host = (primary[0] or b"").decode()
        found.append((int(first), int(last), Address(host or asked.host, int(primary[1]))))
    return found
