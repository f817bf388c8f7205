"""PostgreSQL takes no login of the role of API pods any more: a password that was changed on one side."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place
from drill.sql import run


@contextmanager
def broken(place: Place) -> Iterator[None]:
    run(
        place.postgres,
        "ALTER ROLE bellwire_api NOLOGIN",
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'bellwire_api'",
    )
    try:
        yield
    finally:
        run(place.postgres, "ALTER ROLE bellwire_api LOGIN")


FAULT = Fault(
    "api-role-refused",
    "PostgreSQL refuses the role of API pods; gateways still reach it",
    broken,
    fires=("BellwirePodWithoutPostgres", "BellwireBalancerWithoutServers"),
    may={
        "BellwireApiFailing": "what was under way",
        "BellwireBalancerServersDown": "no API pod is ready",
        "BellwireBalancerFailing": "HAProxy answers 503 by itself when no API pod is ready",
    },
)
