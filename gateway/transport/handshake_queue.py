"""Where handshakes wait for their turn, and where those that are too many are turned away for next to nothing.

A crowd that comes at once must not take the loop from the terminals that are here: handshakes begin in slices of a few
milliseconds, no more than `at_once` are under way, no more than `waiting` stand in line. One that comes then is told
when it would have had its turn, before a task is made, a header read or a key looked at. First come, first in.

Knows counts and turns of the loop. A handshake's content is the caller's callback.

Why: docs/decisions/0083-storms.md
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic

from gateway import metrics
from gateway.core.turned_away import TurnedAway

SLICE_SECONDS = 0.004
"""Of handshakes in one turn of the loop; what else is due then has its turn in between."""
FULL_SECONDS = 2


class HandshakeQueue:
    """The line of handshakes. `full` says that the gateway has no room at all."""

    def __init__(self, at_once: int, waiting: int, full: Callable[[], bool]) -> None:
        self._at_once = at_once
        self._most_waiting = waiting
        self._full = full
        self._line: deque[Callable[[], None]] = deque()
        self._turned_away = TurnedAway()
        self._under_way = 0
        self._due = False

    @property
    def busy(self) -> bool:
        """Whether as many handshakes are under way as may be."""
        return self._under_way >= self._at_once

    def enqueue(self, begin: Callable[[], None]) -> int | None:
        """Take a handshake into the line; `begin` is called when it is its turn, soon or at once in the next slice.

        Returns:
            None, or in how many seconds it should be tried again: then `begin` is never called.
        """
        if self._full():
            return FULL_SECONDS
        if len(self._line) >= self._most_waiting:
            return self._turned_away.retry_after(monotonic(), len(self._line))
        self._line.append(begin)
        self._look()
        return None

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """While a handshake that has begun waits for something; its end lets the next one in."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._look()

    def _look(self) -> None:
        if self._line and not self._due and not self.busy:
            self._due = True
            asyncio.get_running_loop().call_soon(self._slice)

    def _slice(self) -> None:
        self._due = False
        # A handshake that begins now is counted as under way in the loop's next turn only.
        free = self._at_once - self._under_way
        until = monotonic() + SLICE_SECONDS
        try:
            while self._line and free > 0 and monotonic() < until:
                free -= 1
                self._line.popleft()()
        finally:
            metrics.WAITING.set(len(self._line))
            self._look()
