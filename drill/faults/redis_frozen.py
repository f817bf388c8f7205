"""Redis takes connections and answers nothing."""

import signal

from drill.fault import Fault
from drill.place import Place


def act(place: Place) -> None:
    place.valkey.send(signal.SIGSTOP)


def mend(place: Place) -> None:
    place.valkey.send(signal.SIGCONT)


FAULT = Fault(
    "redis-frozen",
    "Redis takes connections and answers nothing",
    act,
    mend,
    fires=("BellwireRedisDown", "BellwireDeliverySlow"),
)
