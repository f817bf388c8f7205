"""Attempts at endpoints, gathered in memory and written together, twice a second.

An attempt costs one entry in memory. A pod that is killed loses half a second of them; no delivery waits for them.
"""

import asyncio
from collections import deque
from datetime import datetime
from uuid import UUID

from api.core.delivery import Attempt
from api.db.webhook_attempts import KEPT, Made, note_attempts
from api.metrics import ATTEMPTS_FORGOTTEN
from api.webhooks.message import Message
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

EVERY_SECONDS = 0.5
MOST_ENDPOINTS = 2000
"""So many have attempts that wait at the same time; of each the newest that would be shown."""
ENDPOINTS_AT_ONCE = 100

_Waiting = deque[tuple[datetime, Message, Attempt]]


class AttemptLog:
    """The attempts that are not written yet, by their endpoint. `run` is its only task's body."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[UUID, _Waiting] = {}

    def note(self, endpoint: UUID, began: datetime, message: Message, attempt: Attempt) -> None:
        """An attempt has ended."""
        waiting = self._waiting.get(endpoint)
        if waiting is None:
            if len(self._waiting) >= MOST_ENDPOINTS:
                ATTEMPTS_FORGOTTEN.inc()
                return
            waiting = self._waiting[endpoint] = deque(maxlen=KEPT)
        # Those that fall out would not be shown.
        waiting.append((began, message, attempt))

    async def run(self) -> None:
        """Write for ever; ends by cancellation only. While PostgreSQL is away what waits is kept."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.flush()
            except Unavailable:
                continue

    async def flush(self) -> None:
        """Write all that is not written yet.

        Raises:
            Unavailable: PostgreSQL; what was not written is kept.
        """
        while self._waiting:
            some = {one: self._waiting.pop(one) for one in list(self._waiting)[:ENDPOINTS_AT_ONCE]}
            try:
                await note_attempts(self._database, self._made(some))
            except Unavailable:
                self._put_back(some)
                raise

    def _made(self, some: dict[UUID, _Waiting]) -> list[Made]:
        return [
            Made(
                endpoint, began, message.id, message.type, attempt.outcome.value, attempt.status,
                attempt.milliseconds, attempt.answer,
            )
            for endpoint, waiting in some.items()
            for began, message, attempt in waiting
        ]  # fmt: skip

    def _put_back(self, some: dict[UUID, _Waiting]) -> None:
        for endpoint, older in some.items():
            # A full one lets the oldest fall.
            older.extend(self._waiting.get(endpoint, ()))
            self._waiting[endpoint] = older
