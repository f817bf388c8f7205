"""The two clocks, and a timer on the first of them; a test may let them run faster."""

import asyncio
import time
from collections.abc import Callable


class Clock:
    """`speed` is how many seconds of ours pass in one of the world's."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self._wall = time.time()

    def now_ms(self) -> int:
        """Milliseconds of a clock that only goes forward."""
        return int((time.monotonic() - self._began) * self._speed * 1000)

    def wall_ms(self) -> int:
        """Milliseconds since 1970."""
        if self._speed == 1.0:
            return int(time.time() * 1000)
        return int(self._wall * 1000) + self.now_ms()

    def call_at(self, at_ms: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back at a moment of `now_ms`."""
        seconds = max(0.0, (at_ms - self.now_ms()) / 1000 / self._speed)
        return asyncio.get_running_loop().call_later(seconds, callback)
