"""One gateway of three stops in the middle of its work, and its port goes on taking connections."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    pod = place.cluster.gateways[0]
    pod.send(signal.SIGSTOP)
    try:
        yield
    finally:
        pod.send(signal.SIGCONT)


FAULT = Fault(
    "gateway-frozen",
    "one gateway of three is stopped (SIGSTOP)",
    broken,
    fires=("BellwirePodDown", "BellwireBalancerServersDown"),
)
