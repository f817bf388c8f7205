"""The system's word that there is a network again, for all who wait because there was none."""

import asyncio
import contextlib
import random
import time

from bellwire_terminal.core.wait import NUDGE_MS


class Network:
    """`times` is how often it came back: read it before a try, to know afterwards whether the try was of before."""

    def __init__(self) -> None:
        self.times = 0
        self._news = asyncio.Event()

    def back(self) -> None:
        """It is back."""
        self.times += 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def pause(self, seconds: float, since: int) -> None:
        """Wait `seconds`, or until soon after it came back; `since` is what `times` was before the try."""
        ends = time.monotonic() + seconds
        if self.times == since:
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
        left = ends - time.monotonic()
        if left > 0:
            await asyncio.sleep(min(left, random.uniform(0, NUDGE_MS / 1000)))  # noqa: S311 - jitter, no secret
