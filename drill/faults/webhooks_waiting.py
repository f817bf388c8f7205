"""The way out to webhook endpoints is bad: a dozen of them answer 503."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.hooks import endpoints
from drill.place import Place

COUNT = 12


@contextmanager
def broken(place: Place) -> Iterator[None]:
    with endpoints(place, COUNT, 503):
        yield


FAULT = Fault(
    "webhooks-waiting",
    f"{COUNT} webhook endpoints answer 503",
    broken,
    fires=("BellwireWebhooksWaiting",),
    patience=1200.0,
)
