"""Pages of history that were read a moment ago, for sessions that begin a moment later. Bounded in bytes and time.

An event does not change while its epoch lasts, unless a customer is forgotten; a page of another edition than the log's
serves nobody.

Why: docs/decisions/0077-cost-of-an-order.md
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client import Counter

from backbone.contract.erasure import Erasure
from gateway.core.tenant_log import Entry

KEEP_SECONDS = 10
KEEP_BYTES = 32 << 20

R = TypeVar("R", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Kept:
    """Consecutive `entries` right behind position `start`; `replayed` counts what they are used for.

    `edition` is the log's as it was when they were asked for.
    """

    edition: tuple[int, Erasure]
    start: int
    entries: list[Entry]
    replayed: Counter

    def entries_after(self, edition: tuple[int, Erasure], position: int) -> list[Entry] | None:
        """The entries later than `position`; None when it does not stand in this page."""
        if edition != self.edition or not self.start <= position < self.start + len(self.entries):
            return None
        return self.entries[position - self.start :]


class PageCache(Generic[R]):
    """The newest page of each room, oldest first; all are kept equally long, so the oldest is the first to go."""

    def __init__(self) -> None:
        self._kept: OrderedDict[R, tuple[Kept, float]] = OrderedDict()
        self._bytes = 0

    def get(self, room: R) -> Kept | None:
        """The room's page, when one was read a moment ago."""
        self._expire()
        found = self._kept.get(room)
        return found[0] if found is not None else None

    def keep(self, room: R, page: Kept) -> None:
        """Remember a page for a moment, in the place of those that were kept longest; one that is too big is not."""
        size = _bytes_of(page)
        if size > KEEP_BYTES:
            return
        if room in self._kept:
            self._drop(room)
        while self._bytes + size > KEEP_BYTES:
            self._drop(next(iter(self._kept)))
        loop = asyncio.get_running_loop()
        self._kept[room] = page, loop.time() + KEEP_SECONDS
        self._bytes += size
        # A page has an end though nobody asks for one again.
        loop.call_later(KEEP_SECONDS, self._expire)

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._kept:
            room, (_, until) = next(iter(self._kept.items()))
            if until > now:
                return
            self._drop(room)

    def _drop(self, room: R) -> None:
        page, _ = self._kept.pop(room)
        self._bytes -= _bytes_of(page)


def _bytes_of(page: Kept) -> int:
    # An entry that went to a stream of server-sent events holds its bytes twice.
    return sum(2 * entry.size for entry in page.entries)
