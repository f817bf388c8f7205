"""One API pod of two is killed, and nobody brings it back."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    gone = place.cluster.apis[:1]
    place.take_away(gone)
    try:
        yield
    finally:
        place.bring_back(gone)


FAULT = Fault(
    "api-killed",
    "one API pod of two is killed, and does not come back",
    broken,
    fires=("BellwirePodDown", "BellwireBalancerServersDown"),
)
