"""A transaction that somebody left open holds the orders: every new one waits for it in vain."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place
from drill.sql import holding


@contextmanager
def broken(place: Place) -> Iterator[None]:
    with holding(place.postgres, "LOCK TABLE orders IN EXCLUSIVE MODE"):
        yield


FAULT = Fault(
    "orders-locked",
    "a transaction holds a lock on the orders' table",
    broken,
    fires=("BellwireApiFailing", "BellwireApiSlow"),
    may={"BellwirePoolBusy": "statements wait for those that wait for the lock"},
)
