"""The synchronous standby stops answering: every commit waits for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place
from drill.sql import wait_for
from infra.local.standby import Standby

IN_STEP = "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
SEEN_SECONDS = 60.0


@contextmanager
def broken(place: Place) -> Iterator[None]:
    standby = Standby(place.postgres)
    standby.start()
    try:
        place.postgres.reconfigure("synchronous_standby_names", "*")
        wait_for(place.postgres, IN_STEP)
        # Each API pod looks every 15 s, and Prometheus as often.
        time.sleep(SEEN_SECONDS)
        place.mark()
        standby.kill()
        yield
    finally:
        place.postgres.reconfigure("synchronous_standby_names", "")
        standby.stop()


FAULT = Fault(
    "standby-lost",
    "the only synchronous standby is killed",
    broken,
    fires=("BellwireWritesWaitForStandby", "BellwireStandbyLost"),
    may={
        "BellwireApiFailing": "writes wait, and are refused",
        "BellwireApiSlow": "writes wait",
        "BellwirePoolBusy": "writes wait",
        "BellwireDeliverySlow": "an event is dated before its commit waits",
    },
    lasts={
        "BellwireStandbyLost": "it compares with a day; set another number of standbys and it forgets after that"
    },
)
