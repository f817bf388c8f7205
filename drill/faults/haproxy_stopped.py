"""The only load balancer ends: tills lose their connections, and storefronts reach nobody."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    place.load_balancer.kill()
    try:
        yield
    finally:
        place.load_balancer.start()


FAULT = Fault(
    "haproxy-stopped",
    "the only HAProxy is stopped",
    broken,
    fires=("BellwirePodDown", "BellwireTerminalsLost"),
    may={"BellwireOrdersUnseen": "orders of the last second, whose tills were cut off"},
)
