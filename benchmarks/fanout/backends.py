"""One PostgreSQL and one Valkey for all turns: to start them anew for each would take longer than to measure."""

import asyncio

from api.db.migrate import migrate
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey


class Backends:
    """Started by whoever needs them first, stopped once."""

    def __init__(self) -> None:
        self.postgres = Postgres()
        self.valkey = Valkey()
        self._started = False

    async def start(self) -> None:
        """Start both and apply the migrations; a second call does nothing."""
        if self._started:
            return
        # Said first: what was started by half has to be stopped too.
        self._started = True
        await asyncio.gather(asyncio.to_thread(self.postgres.start), asyncio.to_thread(self.valkey.start))
        await migrate(self.postgres.url)

    async def stop(self) -> None:
        if self._started:
            await asyncio.to_thread(self.valkey.stop)
            await asyncio.to_thread(self.postgres.stop)
            self._started = False
