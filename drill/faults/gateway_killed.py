"""One gateway of three is killed, and nobody brings it back."""

from drill.fault import Fault
from drill.place import Place


def act(place: Place) -> None:
    place.take_away(place.cluster.gateways[:1])


def mend(place: Place) -> None:
    place.bring_back(place.cluster.gateways[:1])


FAULT = Fault(
    "gateway-killed",
    "one gateway of three is killed, and does not come back",
    act,
    mend,
    # More of three than of two, also when the alert that waits longest fires.
    warm=480.0,
    fires=("BellwirePodDown", "BellwireBalancerServersDown", "BellwirePodsMissing"),
)
