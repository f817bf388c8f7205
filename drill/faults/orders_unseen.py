"""The tills of one shop show orders and ack none."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    place.traffic.silent.add(place.traffic.shops[0].slug)
    try:
        yield
    finally:
        place.traffic.silent.clear()


FAULT = Fault(
    "orders-unseen",
    "the tills of one shop of six see orders and ack none",
    broken,
    fires=("BellwireOrdersUnseen",),
    may={"BellwireOrdersLate": "a sixth of all orders is late, and 14.4 % are enough"},
)
