"""A pod on a schema that is not its own waits: no statement is sent, one sentence a minute says what is missing.

New pods may come before `bellwire migrate` has run, and a database may be restored from an older backup. When the
schema arrives they go on by themselves. Shared by all pools of a process.
"""

import asyncio
import logging
import time
from typing import Any

from backbone.contract.errors import Unavailable
from backbone.eventlog.schema import APPLIED, TABLE_THERE, applied_of, lacking, load_list, unfit
from backbone.runtime.metrics import SCHEMA_READY
from backbone.runtime.version import VERSION

log = logging.getLogger("bellwire.schema")

SAY_SECONDS = 60.0
LOOK_SECONDS = 0.5

SCHEMA = "schema"
"""The name that `/readyz` gives it among what is missing."""


class SchemaWaits(Unavailable):
    """PostgreSQL answers, and its schema is not the one of this version; nothing was sent to it."""


class SchemaGate:
    """Closed until the schema was seen to be ours, and again whenever a statement met what is not there."""

    def __init__(self) -> None:
        self._ours = load_list()
        self._open = False
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._said_at = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether statements may go."""
        return self._open

    def doubt(self) -> None:
        """Something that belongs to our schema was not there: look before the next statement."""
        self._open = False
        self._looked_at = float("-inf")

    async def check(self, connection: Any) -> None:
        """Look, at most twice a second, and open.

        Raises:
            SchemaWaits: it is not ours, or it was not a moment ago.
        """
        async with self._looking:
            if not self._open:
                await self._look(connection)

    async def _look(self, connection: Any) -> None:
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            raise SchemaWaits(f"The schema of {VERSION}")
        reason = await self._why_not(connection)
        self._looked_at = time.monotonic()
        self._open = reason is None
        SCHEMA_READY.set(self._open)
        if reason is None:
            if self._said_at > 0:
                log.info("schema.arrived", extra={"version": VERSION})
            self._said_at = float("-inf")
            return
        if time.monotonic() - self._said_at >= SAY_SECONDS:
            self._said_at = time.monotonic()
            log.warning("schema.waiting", extra={"reason": reason})
        raise SchemaWaits(f"The schema of {VERSION}")

    async def _why_not(self, connection: Any) -> str | None:
        there = (await connection.fetch(TABLE_THERE))[0]["there"]
        applied = applied_of(await connection.fetch(APPLIED) if there else ())
        names = lacking(applied, self._ours)
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            return (
                f"The database lacks the migration {names[0]}{more}; this pod waits for "
                f"`bellwire migrate` of {VERSION}."
            )
        return unfit(applied, self._ours)
