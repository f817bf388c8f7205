"""Redis as wake-up and cache: put committed events on their tenant's stream and channel, read a stream back.

Knows Redis; holds nothing that matters. Whatever fails here is `Unavailable` within `redis_timeout_seconds`, is never
retried, and never lasts: after a failure the next calls fail at once for a moment, so that a frozen Redis costs its
callers nothing. What was lost is found by the gateways' head check.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from backbone.contract.errors import Unavailable
from backbone.contract.event import Event, encode_live
from backbone.contract.offset import Offset
from backbone.eventlog.keys import live_channel, stream_key
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.redis")

BREAK_SECONDS = 0.5
"""How long Redis is left alone after a failure."""


def connect(settings: PodSettings) -> Redis:
    """Return a client that neither retries nor waits longer than the settings allow. Does not connect yet."""
    client: Redis = Redis.from_url(
        str(settings.redis_url),
        socket_timeout=settings.redis_timeout_seconds,
        socket_connect_timeout=settings.redis_timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=16,
        client_name=f"bellwire:{settings.pod_name}".replace(" ", "-"),
    )
    return client


class Stream:
    """The tenants' streams and live channels."""

    def __init__(self, settings: PodSettings) -> None:
        self._redis = connect(settings)
        self._max_events = settings.stream_events
        self._life_seconds = settings.stream_seconds
        self._closed_until = 0.0
        self.up = False

    async def publish(self, batch: Sequence[tuple[str, Event]]) -> int:
        """Put `(tenant, event)` pairs on their streams and channels, in one round trip.

        An entry that is not newer than its stream's last one is refused by Redis; that is wanted (another pod was
        faster, or the epoch is old), leaves a hole that readers see by arithmetic, and is announced all the same.

        Returns:
            How many entries the streams took.

        Raises:
            Unavailable: Redis; some of the batch may have arrived.
        """
        pipe = self._redis.pipeline(transaction=False)
        for tenant, event in batch:
            pipe.execute_command(
                "XADD", stream_key(tenant), "MAXLEN", "~", self._max_events, str(event.offset),
                "t", event.type, "c", event.committed_ms, "p", event.payload,
            )  # fmt: skip
            pipe.execute_command("SPUBLISH", live_channel(tenant), encode_live(event))
        for tenant in {tenant for tenant, _ in batch}:
            pipe.execute_command("EXPIRE", stream_key(tenant), self._life_seconds)
        answers = await self._bounded(pipe.execute(raise_on_error=False))
        heard = answers[1 : 2 * len(batch) : 2]
        for answer in heard:
            if isinstance(answer, Exception):
                raise Unavailable("Redis") from answer
        return sum(1 for answer in answers[0 : 2 * len(batch) : 2] if not isinstance(answer, ResponseError))

    async def read(self, tenant: str, after: Offset, through: Offset, limit: int) -> tuple[Event, ...]:
        """Return the events from right behind `after`, oldest first, at most `limit` and not past `through`.

        All or nothing: the run starts at `after.seq + 1` and has no hole, or it is empty. A trimmed or flushed stream
        looks like an empty range, so only the first entry's ID tells.

        Raises:
            Unavailable: Redis.
        """
        answer = await self._bounded(
            self._redis.execute_command(
                "XRANGE",
                stream_key(tenant),
                f"({after}" if after.epoch else "-",
                str(through),
                "COUNT",
                limit,
            )
        )
        events = tuple(_event_of(entry_id, fields) for entry_id, fields in answer)
        contiguous = all(event.offset.seq == after.seq + 1 + index for index, event in enumerate(events))
        return events if contiguous else ()

    async def drop(self, tenant: str) -> None:
        """Forget a tenant's stream; whoever looks for what it held finds it in PostgreSQL.

        Raises:
            Unavailable: Redis.
        """
        await self._bounded(self._redis.execute_command("DEL", stream_key(tenant)))

    async def ping(self) -> None:
        """Raises Unavailable when Redis does not answer."""
        await self._bounded(self._redis.execute_command("PING"))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _bounded(self, call: Any) -> Any:
        if time.monotonic() < self._closed_until:
            call.close()
            raise Unavailable("Redis")
        try:
            answer = await call
        except (RedisError, OSError, TimeoutError) as exc:
            self._closed_until = time.monotonic() + BREAK_SECONDS
            if self.up:
                log.warning("redis.down", extra={"error": type(exc).__name__})
            self.up = False
            raise Unavailable("Redis") from exc
        if not self.up:
            log.info("redis.up")
        self.up = True
        return answer


def _event_of(entry_id: bytes, fields: Any) -> Event:
    # A map or a flat list, as the protocol's version has it.
    values = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    return Event(Offset.parse(entry_id.decode()), values[b"t"].decode(), int(values[b"c"]), values[b"p"])
