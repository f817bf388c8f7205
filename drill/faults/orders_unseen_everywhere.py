"""No till of any shop acks."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    place.traffic.silent |= {shop.slug for shop in place.traffic.shops}
    try:
        yield
    finally:
        place.traffic.silent.clear()


FAULT = Fault(
    "orders-unseen-everywhere",
    "the tills of all six shops see orders and ack none",
    broken,
    fires=("BellwireOrdersUnseenInManyShops", "BellwireOrdersUnseen", "BellwireOrdersLate"),
)
