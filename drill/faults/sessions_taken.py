"""Nearly every session of PostgreSQL is taken by somebody else."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place
from drill.sql import sessions

TAKEN = 250


@contextmanager
def broken(place: Place) -> Iterator[None]:
    with sessions(place.postgres, TAKEN):
        yield


FAULT = Fault(
    "sessions-taken",
    f"{TAKEN} of 300 sessions of PostgreSQL are taken by others",
    broken,
    fires=("BellwirePostgresSessions",),
)
