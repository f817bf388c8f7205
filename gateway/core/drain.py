"""When each socket of a draining pod is closed, and when its terminal comes back. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closing:
    """Close the `index`-th socket `at_seconds` after the drain began; its reason carries `retry_ms`."""

    index: int
    at_seconds: float
    retry_ms: int


def drain_plan(sockets: int, drain_seconds: float) -> list[Closing]:
    """Spread the closes evenly over the drain.

    The closes are spread already, so each terminal may come back soon; a short step of 0 to 400 ms keeps those of the
    same moment apart.
    """
    if sockets <= 0:
        return []
    step = drain_seconds / sockets
    return [Closing(index, index * step, 100 + (index * 37) % 400) for index in range(sockets)]
