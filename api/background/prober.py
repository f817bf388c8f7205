"""Ask PostgreSQL and Redis each second whether they are there. Readiness follows PostgreSQL alone.

The same question tells when PostgreSQL's history forked; the new epoch is entered then.
"""

import asyncio

from backbone.contract.errors import Unavailable
from backbone.eventlog.epochs import keep_settled
from backbone.eventlog.postgres import Database
from backbone.eventlog.schema_gate import SCHEMA, SchemaWaits
from backbone.eventlog.stream import Stream
from backbone.runtime.health import Health
from backbone.runtime.metrics import POSTGRES_UP, REDIS_UP

EVERY_SECONDS = 1.0
POSTGRESQL = "PostgreSQL"


class Prober:
    """The job; `run` is the task's body."""

    def __init__(self, database: Database, stream: Stream, health: Health) -> None:
        self._database = database
        self._stream = stream
        self._health = health

    async def run(self) -> None:
        """Probe for ever; ends by cancellation only."""
        while True:
            await asyncio.gather(self.probe_postgres(), self.probe_redis())
            await asyncio.sleep(EVERY_SECONDS)

    async def probe_postgres(self) -> None:
        """Probe it once, and say so."""
        try:
            await keep_settled(self._database)
        except SchemaWaits:
            up = True
            self._health.report(SCHEMA, False)
        except Unavailable:
            up = False
        else:
            up = True
            self._health.report(SCHEMA, True)
        self._health.report(POSTGRESQL, up)
        POSTGRES_UP.set(up)

    async def probe_redis(self) -> None:
        """Probe it once, and say so."""
        try:
            await self._stream.ping()
        except Unavailable:
            REDIS_UP.set(0)
        else:
            REDIS_UP.set(1)
