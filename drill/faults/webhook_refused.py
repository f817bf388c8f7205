"""A shop's webhook endpoint answers 404, which no other try mends."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.hooks import endpoints
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    with endpoints(place, 1, 404, keep=True):
        yield


FAULT = Fault(
    "webhook-refused",
    "a shop's webhook endpoint answers 404",
    broken,
    fires=("BellwireWebhookRefused",),
)
