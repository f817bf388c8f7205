"""The principal that a key speaks for, looked up in PostgreSQL and remembered for a moment.

The tenant comes from here and from nowhere else. A remembered answer lives a little less than 2 s, so a key that has
ended is refused everywhere within that time; a key that is not known is never remembered, and keys themselves are kept
nowhere, only their hash.
Look-ups of the same moment share a statement: ten thousand terminals that come back at once ask a few dozen times.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Counter

from backbone.contract.keys import KeyKind, hash_key
from backbone.eventlog.postgres import Database
from backbone.runtime.batcher import Batcher

REMEMBER_SECONDS = 1.8
REMEMBER_KEYS = 50_000
KEYS_A_STATEMENT = 500
STATEMENTS_AT_ONCE = 2

LOOKUPS = Counter("bellwire_key_lookups_total", "Keys that were looked up in PostgreSQL.")
STATEMENTS = Counter("bellwire_key_statements_total", "Statements that carried those look-ups.")


@dataclass(frozen=True, slots=True)
class Principal:
    """A valid key's holder. `tenant` is None for an operator, `terminal` is set for a terminal only.

    `key_hash` is the SHA-256 of the key, by which it is found again.
    """

    kind: KeyKind
    tenant: str | None
    terminal: UUID | None
    key_hash: bytes


VALID_KEY = """
    k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
    AND t.disabled_at IS NULL AND d.revoked_at IS NULL
"""
"""Of a key `k` with its tenant `t` and its terminal `d`."""

_FIND = f"""
    SELECT k.key_hash, k.kind, k.tenant, k.terminal_id
    FROM api_keys k LEFT JOIN tenants t ON t.tenant = k.tenant LEFT JOIN terminals d ON d.terminal_id = k.terminal_id
    WHERE k.key_hash = ANY ($1::bytea[]) AND {VALID_KEY}
"""  # noqa: S608 - put together from constants
# For a list of one the server makes a new plan each time: by what it reckons, a kept one is for ten.
_FIND_ONE = _FIND.replace("ANY ($1::bytea[])", "$1::bytea")


async def find_keys(database: Database, hashes: Sequence[bytes]) -> dict[bytes, Principal]:
    """Return whom the keys with these hashes speak for, those of them that are valid.

    Raises:
        Unavailable: PostgreSQL.
    """
    LOOKUPS.inc(len(hashes))
    STATEMENTS.inc()
    # The comparison is the index's, on the SHA-256 of 256 random bits: its timing tells nothing about a key.
    alone = len(hashes) == 1
    rows = await database.fetch(_FIND_ONE if alone else _FIND, hashes[0] if alone else hashes)
    return {
        row["key_hash"]: Principal(KeyKind(row["kind"]), row["tenant"], row["terminal_id"], row["key_hash"])
        for row in rows
    }


_OPEN = "SELECT 1 FROM tenants WHERE tenant = $1 AND deleted_at IS NULL"


class Access:
    """The way from a key to its principal. Statements begin `apart_seconds` from each other, for who expects crowds."""

    def __init__(
        self, database: Database, apart_seconds: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._clock = clock
        # By the key's hash, with the moment until which it holds; oldest first, as all are remembered equally long.
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._lookups: Batcher[bytes, Principal] = Batcher(
            self._find_keys,
            most=KEYS_A_STATEMENT,
            at_once=STATEMENTS_AT_ONCE,
            apart_seconds=apart_seconds,
        )

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
        return None if key_hash is None else await self.find_hash(key_hash)

    async def find_hash(self, key_hash: bytes) -> Principal | None:
        """Return whom the key with this hash speaks for. As `find`."""
        return self._recall(key_hash) or await self._lookups.ask(key_hash)

    async def is_tenant(self, slug: str) -> bool:
        """Whether there is such a tenant, and it was not deleted.

        Raises:
            Unavailable: PostgreSQL.
        """
        return await self._database.fetch_row(_OPEN, slug) is not None

    async def _find_keys(self, hashes: list[bytes]) -> dict[bytes, Principal]:
        # An answer is as old as its question.
        asked_at = self._clock()
        found = await find_keys(self._database, hashes)
        for key_hash, principal in found.items():
            self._remember(key_hash, principal, asked_at + REMEMBER_SECONDS)
        return found

    def _recall(self, key_hash: bytes) -> Principal | None:
        found = self._known.get(key_hash)
        return found[0] if found is not None and self._clock() < found[1] else None

    def _remember(self, key_hash: bytes, principal: Principal, until: float) -> None:
        self._known[key_hash] = (principal, until)
        self._known.move_to_end(key_hash)
        now = self._clock()
        while self._known and (
            len(self._known) > REMEMBER_KEYS or next(iter(self._known.values()))[1] <= now
        ):
            self._known.popitem(last=False)
