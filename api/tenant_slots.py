"""A tenant's slots: so many of its writes run at once in this pod, so that a hot shop cannot take the pool.

All writes of a tenant meet at one row lock anyway; more of them at once would only hold connections and wait.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backbone.contract.errors import Unavailable


class TenantSlots:
    """Hands out slots, and keeps nothing about a tenant that has none."""

    def __init__(self, at_once: int, wait_seconds: float) -> None:
        self._at_once = at_once
        self._wait_seconds = wait_seconds
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def occupy(self, tenant: str) -> AsyncIterator[None]:
        """Wait for a slot and hold it.

        Raises:
            Unavailable: too many writes of this tenant are under way; nothing was done.
        """
        slots = self._slots.setdefault(tenant, asyncio.Semaphore(self._at_once))
        self._users[tenant] = self._users.get(tenant, 0) + 1
        try:
            await self._acquire(slots)
            try:
                yield
            finally:
                slots.release()
        finally:
            self._users[tenant] -= 1
            if not self._users[tenant]:
                del self._users[tenant], self._slots[tenant]

    async def _acquire(self, slots: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await slots.acquire()
        except TimeoutError as exc:
            raise Unavailable("a slot for another write of this tenant") from exc
