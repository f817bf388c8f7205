"""Questions to one Redis server and their answers, in the order of asking, over one connection.

Many callers may ask at once: each gets its own answers; answers for a caller that gave up are dropped. Knows no
command, and no timeout: the caller bounds the wait.

Why: docs/decisions/0074-redis-connections.md
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as LinkLost

from backbone.eventlog.raw_connection import RawConnection, Replies, take_over


@dataclass(slots=True)
class _Call:
    """A wait for `count` answers. When its caller gives up it keeps its place, since its answers come anyway."""

    count: int
    done: asyncio.Future[Replies]
    answers: Replies = field(default_factory=list)


class Pipeline:
    """Made by `open_pipeline` alone."""

    def __init__(self) -> None:
        self._calls: deque[_Call] = deque()
        self._raw_connection: RawConnection | None = None

    @property
    def open(self) -> bool:
        """Whether it is of use still."""
        return self._raw_connection is not None and self._raw_connection.open

    def ask(self, packed: bytes, count: int) -> asyncio.Future[Replies]:
        """Send packed commands, `count` of them, in one write; the future has their answers, an error as a value.

        It ends with RedisError or OSError when the connection does: some of the commands may have been carried out.

        Raises:
            RedisError: it is closed.
        """
        if self._raw_connection is None or not self._raw_connection.open:
            raise LinkLost("the pipeline is closed")
        call = _Call(count, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        self._raw_connection.write(packed)
        return call.done

    async def close(self) -> None:
        """End it at once; calls that wait fail."""
        if self._raw_connection is not None:
            await self._raw_connection.close()

    def attach(self, raw_connection: RawConnection) -> None:
        """Speak over this connection, until it ends."""
        self._raw_connection = raw_connection
        raw_connection.ended.add_done_callback(self._fail)

    def on_replies(self, replies: Replies) -> None:
        """Give each call its answers."""
        calls = self._calls
        for reply in replies:
            if isinstance(reply, hiredis.PushNotification):
                continue
            if not calls:
                raise LinkLost("an answer to no question")
            call = calls[0]
            call.answers.append(reply)
            if len(call.answers) == call.count:
                calls.popleft()
                if not call.done.done():
                    call.done.set_result(call.answers)

    def _fail(self, ended: asyncio.Future[None]) -> None:
        reason = ended.exception() or LinkLost("the pipeline is closed")
        while self._calls:
            call = self._calls.popleft()
            if not call.done.done():
                call.done.set_exception(reason)


async def open_pipeline(link: AbstractConnection) -> Pipeline:
    """Connect; the caller bounds the wait.

    Raises:
        RedisError, OSError: the server, or what it said to the login.
    """
    pipeline = Pipeline()
    pipeline.attach(await take_over(link, pipeline.on_replies))
    return pipeline
