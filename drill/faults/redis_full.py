"""Redis has next to no memory left: what is published from now on may be refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place

# Of its limit; the alert asks for nine tenths.
TAKEN = 0.97


@contextmanager
def broken(place: Place) -> Iterator[None]:
    used = next(int(line.split(":")[1]) for line in memory(place) if line.startswith("used_memory:"))
    place.valkey.say("CONFIG", "SET", "maxmemory", str(int(used / TAKEN)))
    try:
        yield
    finally:
        place.valkey.say("CONFIG", "SET", "maxmemory", "0")


def memory(place: Place) -> list[str]:
    """The lines of Redis' own word on its memory."""
    return "\n".join(place.valkey.say("INFO", "memory")).splitlines()


FAULT = Fault(
    "redis-full",
    "Redis may have no more memory than it has",
    broken,
    fires=("BellwireRedisMemory",),
    may={
        "BellwireDeliverySlow": "a publish that Redis refuses arrives by the head check",
        "BellwireGapsFrequent": "a publish that Redis refuses arrives by the head check",
    },
    patience=900.0,
)
