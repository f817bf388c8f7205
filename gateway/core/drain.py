"""When each socket of a draining pod is closed, and when its terminal comes back. Pure."""

from dataclasses import dataclass

# Two thousand handshakes a second are what the other pods are asked to take from this one.
ARRIVAL_SECONDS = 0.0005
# Time for the close to arrive, and for the old connection to be forgotten.
LEAST_RETRY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Closing:
    """Close the `index`-th socket `at_seconds` after the drain began; its reason carries `retry_ms`."""

    index: int
    at_seconds: float
    retry_ms: int


def drain_plan(sockets: int, drain_seconds: float) -> list[Closing]:
    """Spread the closes evenly over the drain, and the returns so that no two have the same moment.

    The closes are spread already, so a terminal comes back at once, and misses nothing for longer than that takes. Only
    a drain too short for its sockets has them wait, each for its own slot.

    >>> [closing.at_seconds for closing in drain_plan(4, 20.0)]
    [0.0, 5.0, 10.0, 15.0]
    """
    if sockets <= 0:
        return []
    step = drain_seconds / sockets
    slot = max(step, ARRIVAL_SECONDS)
    return [
        Closing(index, index * step, round(1000 * (LEAST_RETRY_SECONDS + index * (slot - step))))
        for index in range(sockets)
    ]
