"""A number of places, taken and given back: at once where one is free, else in the order of asking.

As `asyncio.Semaphore`, for what nearly always finds one free: a place that is given back goes straight to the first who
waits, so that nobody has to look whether somebody woke and has not come yet.
"""

import asyncio
from collections import deque


class Places:
    """So many places; of one event loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Take a place that is free, and say whether there was one."""
        if self._free:
            self._free -= 1
            return True
        return False

    async def take(self) -> None:
        """Take a place, when there is one; a caller that is cancelled has none."""
        if self.take_now():
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                # It was given in the same moment.
                self.give_back()
            raise

    def give_back(self) -> None:
        """A place is free again."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                return
        self._free += 1
