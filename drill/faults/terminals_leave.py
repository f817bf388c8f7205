"""Every till of every shop is cut off at once, as by a provider that is away; orders go on."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    place.traffic.leave()
    try:
        yield
    finally:
        place.traffic.come_back()


FAULT = Fault(
    "terminals-leave",
    "every till loses its connection; orders go on",
    broken,
    fires=("BellwireTerminalsLost", "BellwireOrdersUnseenInManyShops"),
    may={
        "BellwireOrdersUnseen": "orders go on, and nobody is there",
        "BellwireOrdersLate": "orders go on, and nobody is there",
    },
)
