"""Who a key speaks for, looked up in PostgreSQL and remembered for a moment.

The tenant comes from here and from nowhere else. A remembered answer lives 2 s, so a revoked key is refused everywhere
within that time; a key that is not known is never remembered, and keys themselves are kept nowhere, only their hash.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from backbone.contract.keys import KeyKind, hash_key
from backbone.eventlog.postgres import Database

REMEMBER_SECONDS = 2
REMEMBER_KEYS = 50_000


@dataclass(frozen=True, slots=True)
class Principal:
    """A valid key's holder. `tenant` is None for an operator, `terminal` is set for a terminal only."""

    kind: KeyKind
    tenant: str | None
    terminal: UUID | None


_FIND = """
    SELECT k.kind, k.tenant, k.terminal_id
    FROM api_keys k LEFT JOIN tenants t ON t.tenant = k.tenant LEFT JOIN terminals d ON d.terminal_id = k.terminal_id
    WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND t.disabled_at IS NULL AND d.revoked_at IS NULL
"""


class Access:
    """The way from a key to its principal."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        # By the key's hash, with the moment until which it holds; oldest first, as all are remembered equally long.
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    def remembered(self, key: str) -> Principal | None:
        """Return whom `key` speaks for when that was asked a moment ago."""
        key_hash = hash_key(key)
        return None if key_hash is None else self._recall(key_hash)

    async def find(self, key: str) -> Principal | None:
        """Return whom `key` speaks for, or None when it is not (or no longer) valid.

        Raises:
            Unavailable: PostgreSQL.
        """
        key_hash = hash_key(key)
        if key_hash is None:
            return None
        known = self._recall(key_hash)
        if known is not None:
            return known
        # The comparison is the index's, on the SHA-256 of 256 random bits: its timing tells nothing about a key.
        row = await self._database.fetch_row(_FIND, key_hash)
        if row is None:
            return None
        principal = Principal(KeyKind(row["kind"]), row["tenant"], row["terminal_id"])
        self._remember(key_hash, principal)
        return principal

    def _recall(self, key_hash: bytes) -> Principal | None:
        found = self._known.get(key_hash)
        return found[0] if found is not None and self._clock() < found[1] else None

    def _remember(self, key_hash: bytes, principal: Principal) -> None:
        now = self._clock()
        self._known[key_hash] = (principal, now + REMEMBER_SECONDS)
        self._known.move_to_end(key_hash)
        while len(self._known) > REMEMBER_KEYS or next(iter(self._known.values()))[1] <= now:
            self._known.popitem(last=False)
