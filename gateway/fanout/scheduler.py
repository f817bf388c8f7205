"""Broadcasts with news take turns: a slice of one, a slice of the next, and between them the event loop looks around.

So what a large room costs is spread, and nobody else waits for more than a slice of it. Events that come while a
broadcast waits for its turn go out with the rest, in one write a socket. No task: a turn is a callback of the loop.

Why: docs/decisions/0070-fan-out.md
"""

import asyncio
import logging
from collections import deque
from typing import Protocol

from gateway.fanout.cohort import SIZE

log = logging.getLogger("bellwire.scheduler")


class Busy(Protocol):
    """A room's broadcast, as far as turns go."""

    tenant: str

    def take_turn(self) -> int:
        """Send one slice; returns how many sockets it had."""

    @property
    def busy(self) -> bool:
        """Whether there is more to send."""


class Scheduler:
    """The line of broadcasts that have something to send.

    As a context manager, broadcasts only get in line; at its end the first slice goes at once, unless turns are on
    their way already: for a room of a few tills a round of the loop costs as much as its sends.
    """

    def __init__(self) -> None:
        self._line: deque[Busy] = deque()
        self._members: set[Busy] = set()
        self._gathering = False
        self._under_way = False

    def __enter__(self) -> None:
        self._gathering = True

    def __exit__(self, *_: object) -> None:
        self._gathering = False
        if self._line and not self._under_way:
            self._under_way = True
            self._run()

    def add(self, broadcast: Busy) -> None:
        """Get a broadcast in line; one that stands there already keeps its place."""
        if broadcast in self._members:
            return
        self._members.add(broadcast)
        self._line.append(broadcast)
        if not (self._gathering or self._under_way):
            self._under_way = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        left = SIZE
        while self._line and left > 0:
            broadcast = self._line[0]
            try:
                left -= max(1, broadcast.take_turn())
            except Exception:
                log.exception("room.bug", extra={"task": "fan-out", "tenant": broadcast.tenant})
            self._line.popleft()
            if broadcast.busy:
                self._line.append(broadcast)
            else:
                self._members.discard(broadcast)
        if self._line:
            asyncio.get_running_loop().call_soon(self._run)
        else:
            self._under_way = False
