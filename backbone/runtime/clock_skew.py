"""How far a server's clock is from ours, and how long a question to it takes."""

import statistics
import time
from collections.abc import Awaitable, Callable

ROUNDS = 5


async def clock_skew(ask: Callable[[], Awaitable[float]]) -> tuple[float, float]:
    """Return a clock less ours, and the time of a round trip to it, both in seconds.

    `ask` brings the clock in seconds since the epoch, and is called several times: the skew is that of the quickest
    answer, the trip the median. An exception of `ask` goes through.
    """
    measured = []
    for _ in range(ROUNDS):
        sent, began = time.time(), time.perf_counter()
        theirs = await ask()
        took = time.perf_counter() - began
        measured.append((took, theirs - (sent + took / 2)))
    return min(measured)[1], statistics.median(took for took, _ in measured)
