"""Every API pod is killed, and nobody brings them back."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    gone = place.cluster.apis
    place.take_away(gone)
    try:
        yield
    finally:
        place.bring_back(gone)


FAULT = Fault(
    "apis-gone",
    "both API pods are killed, and do not come back",
    broken,
    fires=(
        "BellwireGone",
        "BellwireBalancerWithoutServers",
        "BellwirePodDown",
        "BellwireBalancerServersDown",
    ),
    may={"BellwireBalancerFailing": "HAProxy answers 503 by itself"},
)
