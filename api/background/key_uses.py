"""Remember when storefronts' and operators' keys were last used, and write it down now and then.

A request costs one entry in memory. A pod that is killed loses half a minute of them at most.
"""

import asyncio
import time
from collections.abc import Callable

from api.db.keys import end_expired_keys, store_uses
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 30.0
MOST = 50_000
ENDED_AT_ONCE = 1000


class KeyUses:
    """The uses that are not written yet, by the key's hash. `run` is its only task's body."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._used: dict[bytes, float] = {}

    def note(self, key_hash: bytes) -> None:
        """The key with this hash was used now."""
        if len(self._used) < MOST:
            self._used[key_hash] = self._clock()

    async def run(self) -> None:
        """Write for ever; ends by cancellation only. While PostgreSQL is away nothing is forgotten."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.flush()
                await end_expired_keys(self._database, ENDED_AT_ONCE)
            except Unavailable:
                continue

    async def flush(self) -> None:
        """Write all that is not written yet.

        Raises:
            Unavailable: PostgreSQL; nothing is forgotten.
        """
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await store_uses(self._database, used)
        except Unavailable:
            self._used = {**used, **self._used}
            raise
