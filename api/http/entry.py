"""A request that was let in, for as long as it lasts: a key that ends meanwhile neither does nor hears any more."""

import time
from collections.abc import Callable

from starlette.requests import Request

from backbone.contract.errors import Problem, Violation
from backbone.eventlog.access import Access

LOOK_AGAIN_SECONDS = 0.2
"""A request that took so long asks after its key again. With what `Access` remembers it stays within 2 s."""
_ENTRY = "bellwire.entry"


class Entry:
    """A request that was let in with the key that has this hash; `asked_at` is when it came (the monotonic clock)."""

    def __init__(
        self, access: Access, key_hash: bytes, asked_at: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._access = access
        self._key_hash = key_hash
        self._asked_at = asked_at
        self._clock = clock

    @property
    def is_old(self) -> bool:
        """Whether it took a while."""
        return self._clock() - self._asked_at >= LOOK_AGAIN_SECONDS

    async def look_again(self) -> None:
        """See that the key is valid still, if it took a while.

        Raises:
            Violation: it has ended (401).
            Unavailable: PostgreSQL.
        """
        if not self.is_old:
            return
        if await self._access.find_hash(self._key_hash) is None:
            raise Violation(Problem.UNAUTHORIZED, "The key is no longer valid")


def keep_entry(request: Request, entry: Entry) -> None:
    """Keep it with the request."""
    request.scope[_ENTRY] = entry


def is_old(request: Request) -> bool:
    """Whether a request took so long that its key has to be looked at again."""
    entry: Entry | None = request.scope.get(_ENTRY)
    return entry is not None and entry.is_old


async def look_again(request: Request) -> None:
    """See that the key of a request is valid still; one that nobody let in has none. Raises as `Entry.look_again`."""
    entry: Entry | None = request.scope.get(_ENTRY)
    if entry is not None:
        await entry.look_again()
