"""One Redis server: a pipeline to it that neither retries nor waits, and a breaker of its own.

Every failure here is `Unavailable` within the time given. After a failure the server is left alone: calls fail at
once, and a ping in the background finds out when it is back. So a frozen server costs the one call that meets it first
`redis_timeout_seconds`, and every other call nothing.

Why: docs/decisions/0031-plain-connections.md, docs/decisions/0032-breaker-and-doubt-per-server.md
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from backbone.contract.errors import Unavailable
from backbone.eventlog.pipeline import Pipeline, open_pipeline
from backbone.eventlog.raw_connection import Command, Replies, pack
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.redis")

BREAK_SECONDS = 0.5
"""Between two pings of a server that is away."""


def connect(settings: PodSettings, url: str) -> Redis:
    """Return a client that does not retry. Does not connect yet, and does not bound a call: the caller does.

    With a timeout of its own the library sends through `wait_for`, which in Python 3.11 swallows a cancellation that
    comes as the send is done: a task that was told to end would go on for ever.
    """
    client: Redis = Redis.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=settings.redis_timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=16,
        client_name=f"bellwire:{settings.pod_name}".replace(" ", "-"),
    )
    return client


class Node:
    """One server. `on_trouble` is called at each failure, so that the topology asks whether another took its place."""

    def __init__(self, settings: PodSettings, url: str, name: str, on_trouble: Callable[[], None]) -> None:
        self._client = connect(settings, url)
        self._pipeline: Pipeline | None = None
        self._opening = asyncio.Lock()
        self._name = name
        self._seconds = settings.redis_timeout_seconds
        self._on_trouble = on_trouble
        self._revival: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self, commands: Sequence[Command], until: float | None = None) -> Replies:
        """Send all in one round trip and return their answers, errors of single commands among them.

        `until`, by the loop's clock, is the moment to give up; without it the settings' timeout counts.

        Raises:
            Unavailable: the server; some of the commands may have been carried out.
        """
        return await self.send(b"".join(map(pack, commands)), len(commands), until)

    async def send(self, packed: bytes, count: int, until: float | None = None) -> Replies:
        """As `run`, for `count` commands that are packed already."""
        if self._revival is not None or self._closed:
            raise Unavailable("Redis")
        loop = asyncio.get_running_loop()
        until = until or loop.time() + self._seconds
        try:
            pipeline = self._pipeline
            if pipeline is None or not pipeline.open:
                async with asyncio.timeout_at(until):
                    pipeline = await self._opened()
            # A timer of its own costs a third of a timeout around the wait.
            answers = pipeline.ask(packed, count)
            late = loop.call_at(until, _give_up, answers)
            try:
                return await answers
            finally:
                late.cancel()
        except (RedisError, OSError, TimeoutError) as exc:
            await self._leave_alone(exc)
            raise Unavailable("Redis") from exc

    async def _opened(self) -> Pipeline:
        async with self._opening:
            if self._pipeline is None or not self._pipeline.open:
                await self._hang_up()
                self._pipeline = await open_pipeline(self._client.connection_pool.make_connection())
            return self._pipeline

    async def _hang_up(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            await pipeline.close()

    async def close(self) -> None:
        """Close the connections; calls under way fail."""
        self._closed = True
        if self._revival is not None:
            self._revival.cancel()
            await asyncio.gather(self._revival, return_exceptions=True)
        await self._hang_up()
        await self._client.aclose()

    async def _leave_alone(self, exc: Exception) -> None:
        # The way there may have swallowed this connection; a new one may find another.
        await self._hang_up()
        if self._closed:
            return
        self._on_trouble()
        # Several calls may have been under way when it went.
        if self._revival is None:
            log.warning("redis.down", extra={"node": self._name, "error": type(exc).__name__})
            self._revival = asyncio.create_task(self._await_revival(), name=f"redis-revival:{self._name}")

    async def _await_revival(self) -> None:
        while True:
            await asyncio.sleep(BREAK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
            try:
                async with asyncio.timeout(self._seconds):
                    [answer] = await (await self._opened()).ask(pack(("PING",)), 1)
                if isinstance(answer, Exception):
                    # It is loading, say, or has no primary.
                    raise answer
            except (RedisError, OSError, TimeoutError):
                await self._hang_up()
                self._on_trouble()
                continue
            log.info("redis.up", extra={"node": self._name})
            self._revival = None
            return


def _give_up(answers: "asyncio.Future[Replies]") -> None:
    if not answers.done():
        answers.set_exception(TimeoutError())
