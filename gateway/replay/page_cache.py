"""Pages of history that were read a moment ago, for terminals that come back a moment later. Bounded in bytes and time.

What an event was does not change while its epoch lasts; a page of another epoch than the log's serves nobody.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import TTLCache
from prometheus_client import Counter

from gateway.core.tenant_log import Entry

KEEP_SECONDS = 10
KEEP_BYTES = 32 << 20

R = TypeVar("R", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Kept:
    """Consecutive `entries` right behind position `start`; `replayed` counts what they are used for."""

    epoch: int
    start: int
    entries: list[Entry]
    replayed: Counter

    def entries_after(self, epoch: int, position: int) -> list[Entry] | None:
        """The entries later than `position`; None when it does not stand in this page."""
        if epoch != self.epoch or not self.start <= position < self.start + len(self.entries):
            return None
        return self.entries[position - self.start :]


class PageCache(Generic[R]):
    """The newest page of each room."""

    def __init__(self) -> None:
        self._kept: TTLCache[R, Kept] = TTLCache(KEEP_BYTES, KEEP_SECONDS, getsizeof=_bytes_of)

    def get(self, room: R) -> Kept | None:
        """The room's page, when one was read a moment ago."""
        return self._kept.get(room)

    def keep(self, room: R, page: Kept) -> None:
        """Remember a page for a moment."""
        if _bytes_of(page) <= KEEP_BYTES:
            self._kept[room] = page
            # The cache itself only looks at its clock when it is used.
            asyncio.get_running_loop().call_later(KEEP_SECONDS + 0.1, self._kept.expire)


def _bytes_of(page: Kept) -> int:
    # An entry that went to a stream of server-sent events holds its bytes twice.
    return sum(2 * len(entry.frame) for entry in page.entries)
