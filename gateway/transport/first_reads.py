"""Where the first bytes of a crowd wait until they are read: a few milliseconds of them in one turn of the loop.

The loop hands over what arrived at a thousand sockets in one go, and each request for a WebSocket takes a tenth of a
millisecond to read: the terminals that are here would wait for all of them. While few come, none waits.

Why: docs/decisions/0164-a-crowd-is-read-in-slices.md
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

AT_ONCE = 8
"""Read in one turn of the loop without a look at the clock, where no others wait."""
SLICE_SECONDS = 0.004


class FirstReads:
    """The line, first come, first read. It is as long as there are sockets, each of which stands in it once."""

    def __init__(self) -> None:
        self._line: deque[Callable[[], None]] = deque()
        self._read = 0
        self._due = False

    def enqueue(self, read: Callable[[], None]) -> None:
        """Call `read` now, or in one of the next turns."""
        if self._line or self._read >= AT_ONCE:
            self._line.append(read)
            return
        self._read += 1
        self._look()
        read()

    def _look(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        self._read = 0
        until = monotonic() + SLICE_SECONDS
        try:
            while self._line and monotonic() < until:
                self._line.popleft()()
        finally:
            if self._line:
                self._look()
