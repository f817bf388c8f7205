"""Redis takes connections and answers nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    place.valkey.send(signal.SIGSTOP)
    try:
        yield
    finally:
        place.valkey.send(signal.SIGCONT)


FAULT = Fault(
    "redis-frozen",
    "Redis takes connections and answers nothing (SIGSTOP)",
    broken,
    fires=("BellwireRedisDown", "BellwireDeliverySlow"),
)
