"""One gateway of three is killed, and nobody brings it back."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    gone = place.cluster.gateways[:1]
    place.take_away(gone)
    try:
        yield
    finally:
        place.bring_back(gone)


FAULT = Fault(
    "gateway-killed",
    "one gateway of three is killed, and does not come back",
    broken,
    fires=("BellwirePodDown", "BellwireBalancerServersDown", "BellwirePodsMissing"),
    # More of three than of two, also when the alert that waits longest fires.
    warm=480.0,
)
