"""One connection to one Redis server that hears a changing set of channels, and knows when it cannot be trusted.

A plain connection, not the library's PubSub: that one subscribes anew after a cut without a word, in one command that
a cluster refuses, and does not follow a slot that moved away. Here a lost connection is an end and a new beginning,
and every confirmed channel is reported.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from redis.asyncio import Redis
from redis.exceptions import MovedError, RedisError

from backbone.eventlog.node import connect
from backbone.eventlog.raw_connection import RawConnection, Replies, pack, take_over
from backbone.eventlog.slot_map import slot_of
from backbone.eventlog.topology import Topology
from backbone.runtime.outage import Outage
from backbone.runtime.redis_url import Address
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.live")

LOST_HINT = (
    "no order is lost: events come by way of PostgreSQL, up to a second or so later, until this Redis answers again; "
    "see that it runs and that BELLWIRE_REDIS_URL names it"
)
CANARY_SECONDS = 1.0
CANARY_MISSED_SECONDS = 3.0
CHANNELS_A_WRITE = 500


class CanaryMissed(Exception):
    """Redis took our canary and did not give it back: it is frozen, cut off, or not the one we listen to."""


class Subscription:
    """The channels of one server. `run` is its only task's body; the callbacks are called from it and must not wait.

    `canary_at` names a channel that lives on this server now. `on_confirmed` hears of each channel from whose
    confirmation on nothing is missed. `together` is entered around the messages that arrived together.
    """

    def __init__(
        self,
        settings: PodSettings,
        topology: Topology,
        address: Address,
        canary_at: Callable[[Address], str | None],
        on_message: Callable[[bytes, bytes], None],
        on_confirmed: Callable[[str], None],
        together: AbstractContextManager[object],
    ) -> None:
        self._settings = settings
        self._topology = topology
        self._address = address
        self._canary_at = canary_at
        self._on_message = on_message
        self._on_confirmed = on_confirmed
        self._together = together
        self._wanted: set[str] = set()
        self._asked: set[str] = set()
        self._confirmed: set[str] = set()
        # Wanted and not confirmed. Kept, since it is asked for four times a second, for a thousand shops.
        self._unconfirmed: set[str] = set()
        self._changed = asyncio.Event()
        self._canary = b""
        self._heard_at = 0.0
        self._up = False
        self._outage = Outage(log, "live.lost", LOST_HINT)

    @property
    def trusted(self) -> bool:
        """Whether a canary came back lately."""
        return self._up and time.monotonic() - self._heard_at < 2 * CANARY_SECONDS

    @property
    def empty(self) -> bool:
        """Whether nothing is wanted of this server."""
        return not self._wanted

    def unheard(self) -> set[str]:
        """The wanted channels of which a message might not reach us now."""
        return set(self._unconfirmed if self.trusted else self._wanted)

    def want(self, channel: str) -> None:
        """Hear this channel from now on."""
        self._wanted.add(channel)
        if channel not in self._confirmed:
            self._unconfirmed.add(channel)
        self._changed.set()

    def unwant(self, channel: str) -> None:
        """Do not hear this channel any more."""
        self._wanted.discard(channel)
        self._unconfirmed.discard(channel)
        self._changed.set()

    async def run(self) -> None:
        """Keep a session up for ever; ends by cancellation only."""
        while True:
            try:
                await self._session()
            except* (RedisError, OSError, TimeoutError, CanaryMissed) as group:
                error = type(group.exceptions[0]).__name__
                self._outage.met(node=str(self._address), error=error)
            self._topology.look_soon()
            await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter, not a secret

    async def _session(self) -> None:
        canary = self._canary_at(self._address)
        if canary is None:
            raise CanaryMissed
        self._canary = canary.encode()
        self._asked = {canary}
        client: Redis = connect(self._settings, self._topology.url_of(self._address))
        raw_connection: RawConnection | None = None
        try:
            async with asyncio.timeout(4 * self._settings.redis_timeout_seconds):
                raw_connection = await take_over(client.connection_pool.make_connection(), self._take)
            self._heard_at = time.monotonic()
            raw_connection.write(pack(("SSUBSCRIBE", canary)))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(raw_connection), name="live-watch")
                tasks.create_task(self._follow_wanted(raw_connection), name="live-subscribe")
                tasks.create_task(self._sing(client), name="live-canary")
        finally:
            self._up = False
            self._confirmed.clear()
            self._unconfirmed = set(self._wanted)
            # Bounded: closing must not hang on the peer that we leave because it hangs.
            async with asyncio.timeout(1):
                if raw_connection is not None:
                    await raw_connection.close()
                await client.aclose()

    async def _watch(self, raw_connection: RawConnection) -> None:
        """Raise what ended the connection; a canary comes each second, so silence is an end as well."""
        while (left := self._heard_at + CANARY_MISSED_SECONDS - time.monotonic()) > 0:
            await asyncio.wait([raw_connection.ended], timeout=left)
            if not raw_connection.open:
                raw_connection.ended.result()
        raise CanaryMissed

    def _take(self, replies: Replies) -> None:
        """Everything that arrived together; called by the connection, which ends with whatever this raises."""
        with self._together:
            for reply in replies:
                # First the one that comes by the thousand.
                if isinstance(reply, list) and reply[0] == b"smessage" and reply[1] != self._canary:
                    self._on_message(reply[1], reply[2])
                else:
                    self._take_other(reply)

    def _take_other(self, reply: object) -> None:
        match reply:
            case [b"smessage", _, _]:
                self._heard_at = time.monotonic()
                self._outage.worked()
            case [b"ssubscribe", bytes(channel), _]:
                self._confirm(channel)
            case [b"sunsubscribe", bytes(channel), _]:
                self._end_of(channel.decode())
            case MovedError():
                self._on_moved(reply)
            case Exception():
                raise reply

    def _confirm(self, channel: bytes) -> None:
        if channel == self._canary:
            self._up = True
        elif (name := channel.decode()) in self._asked:
            self._confirmed.add(name)
            self._unconfirmed.discard(name)
            self._on_confirmed(name)

    def _end_of(self, channel: str) -> None:
        self._confirmed.discard(channel)
        if channel in self._wanted:
            self._unconfirmed.add(channel)
        if channel in self._asked:
            # We did not ask for that: the slot has moved to another server. Asked once more, this one says which.
            self._asked.discard(channel)
            self._changed.set()
            if channel.encode() == self._canary:
                raise CanaryMissed

    def _on_moved(self, moved: MovedError) -> None:
        gone = {channel for channel in self._asked if slot_of(channel) == moved.slot_id}
        self._asked -= gone
        self._topology.moved(moved.slot_id, Address(moved.host or self._address.host, moved.port))
        if self._canary.decode() in gone:
            raise CanaryMissed

    async def _follow_wanted(self, raw_connection: RawConnection) -> None:
        canary = {self._canary.decode()}
        while True:
            self._changed.clear()
            added, removed = self._wanted - self._asked, self._asked - self._wanted - canary
            self._asked = self._asked.union(added).difference(removed)
            self._confirmed -= removed
            await self._say(raw_connection, "SSUBSCRIBE", added)
            await self._say(raw_connection, "SUNSUBSCRIBE", removed)
            await self._changed.wait()

    async def _say(self, raw_connection: RawConnection, word: str, channels: Iterable[str]) -> None:
        waiting = list(channels)
        for start in range(0, len(waiting), CHANNELS_A_WRITE):
            some = waiting[start : start + CHANNELS_A_WRITE]
            # A cluster takes channels of one slot in one command.
            commands = [pack((word, *some))]
            if self._topology.clustered:
                commands = [pack((word, channel)) for channel in some]
            raw_connection.write(b"".join(commands))
            async with asyncio.timeout(CANARY_MISSED_SECONDS):
                await raw_connection.drained()

    async def _sing(self, client: Redis) -> None:
        # A connection of its own, so that a stuck subscription does not silence the canary that would show it.
        while True:
            async with asyncio.timeout(self._settings.redis_timeout_seconds):
                await client.execute_command("SPUBLISH", self._canary, b"")
            await asyncio.sleep(CANARY_SECONDS)
