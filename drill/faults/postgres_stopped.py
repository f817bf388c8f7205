"""PostgreSQL is stopped as a server that loses its machine, and started again on its data."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place


@contextmanager
def broken(place: Place) -> Iterator[None]:
    place.postgres.kill()
    try:
        yield
    finally:
        place.postgres.start()


FAULT = Fault(
    "postgres-stopped",
    "PostgreSQL is killed",
    broken,
    fires=("BellwirePostgresDown", "BellwireBalancerFailing"),
    may={
        "BellwireBalancerWithoutServers": "no API pod is ready without it",
        "BellwireBalancerServersDown": "no API pod is ready without it",
        "BellwireApiFailing": "requests that were under way",
        "BellwireHeadChecksStopped": "gateways have nothing to compare with",
    },
)
