"""Refusals for the audit trail: counted in memory, a row for each hundred, and for the rest each hour.

A wrong key is counted for the address that it came from, a call that a good key may not make for that key. Memory is
bounded: beyond so many owners the next ones are counted together. Rows are written behind; while PostgreSQL is away the
counts wait. Nothing of a key is kept but its hash, and nothing is written of it but the name of one that we know.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from backbone.contract.address import counted_as
from backbone.contract.errors import Unavailable
from backbone.contract.slug import is_slug
from backbone.eventlog.access import Principal
from backbone.eventlog.postgres import Database

LOOK_SECONDS = 1.0
HUNDRED = 100
HOUR_SECONDS = 3600.0
OWNERS = 10_000
ROWS_A_STATEMENT = 1000
WRONG_KEY, FORBIDDEN = "key.refused", "call.forbidden"


@dataclass(frozen=True, slots=True)
class _Owner:
    """An address, or a key, whose refusals are counted together; in the trail of one tenant, or of none."""

    action: str
    tenant: str | None
    address: str | None
    key_hash: bytes | None


@dataclass(slots=True)
class _Count:
    """Refusals that are not written. `key_hash` is the one key of all of them; `route` and `address` are the last's."""

    began: float
    since: datetime
    key_hash: bytes | None
    address: str | None
    route: str
    times: int = 0


# A tenant that nobody has is none: who tries names of shops fills no trail of its own. A key is named if we know it.
_WRITE = """
    INSERT INTO audit_trail (tenant, kind, key_id, terminal_id, address, action, facts, count)
    SELECT t.tenant, k.kind, encode(substr(k.key_hash, 1, 6), 'hex'), k.terminal_id, r.address, r.action,
           jsonb_build_object('since', min(r.since), 'route', max(r.route)), sum(r.times)::integer
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[])
         AS r (action, tenant, key_hash, address, since, route, times, part)
    LEFT JOIN tenants t ON t.tenant = r.tenant
    LEFT JOIN api_keys k ON k.key_hash = r.key_hash
    GROUP BY t.tenant, k.kind, k.key_hash, k.terminal_id, r.address, r.action, r.part
    ORDER BY min(r.since)
"""


class Refusals:
    """The refusals of a process that are not written yet. `run` is its only task's body."""

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.monotonic, owners: int = OWNERS
    ) -> None:
        self._database = database
        self._clock = clock
        self._most = owners
        # The one that began longest ago is first.
        self._counts: OrderedDict[_Owner, _Count] = OrderedDict()
        self._due = False

    def wrong_key(self, tenant: str | None, address: str | None, key_hash: bytes | None, route: str) -> None:
        """Somebody without a valid key asked; `key_hash` is that of what stood in its place, if it looked like one."""
        asked = tenant if tenant is not None and is_slug(tenant) else None
        counted = counted_as(address) if address else None
        self._count(_Owner(WRONG_KEY, asked, counted, None), key_hash, counted, route)

    def forbidden(self, principal: Principal, tenant: str | None, address: str | None, route: str) -> None:
        """A good key asked for what it may not have: `tenant` is whose trail tells of an operator's."""
        owner = _Owner(FORBIDDEN, principal.tenant or tenant, None, principal.key_hash)
        self._count(owner, principal.key_hash, counted_as(address) if address else None, route)

    def _count(self, owner: _Owner, key_hash: bytes | None, address: str | None, route: str) -> None:
        found = self._counts.get(owner)
        if found is None and len(self._counts) >= self._most:
            # Everybody else together: of nobody in particular.
            owner, key_hash, address = _Owner(owner.action, None, None, None), None, None
            found = self._counts.get(owner)
        if found is None:
            found = _Count(self._clock(), datetime.now(UTC), key_hash, address, route)
            self._counts[owner] = found
        if found.key_hash != key_hash:
            found.key_hash = None
        found.address, found.route = address, route
        found.times += 1
        self._due = self._due or found.times >= HUNDRED

    async def run(self) -> None:
        """Write for ever; ends by cancellation only."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._write_due()
            except Unavailable:
                continue

    async def flush(self) -> None:
        """Write all that is not written yet.

        Raises:
            Unavailable: PostgreSQL; nothing is forgotten.
        """
        while self._counts:
            owners = list(self._counts)[:ROWS_A_STATEMENT]
            await self._write([(owner, self._counts[owner].times) for owner in owners])

    async def _write_due(self) -> None:
        now = self._clock()
        hour: list[tuple[_Owner, int]] = []
        for owner, count in self._counts.items():
            if now - count.began < HOUR_SECONDS or len(hour) >= ROWS_A_STATEMENT:
                break
            hour.append((owner, count.times))
        if hour:
            await self._write(hour)
        if self._due:
            self._due = False
            full = [
                (owner, count.times - count.times % HUNDRED)
                for owner, count in self._counts.items()
                if count.times >= HUNDRED
            ]
            try:
                for first in range(0, len(full), ROWS_A_STATEMENT):
                    await self._write(full[first : first + ROWS_A_STATEMENT])
            except Unavailable:
                self._due = True
                raise

    async def _write(self, due: list[tuple[_Owner, int]]) -> None:
        """Write so many refusals of each of these, in rows of a hundred and one with the rest."""
        rows: list[tuple[object, ...]] = []
        for owner, times in due:
            count = self._counts[owner]
            told = (
                owner.action,
                owner.tenant,
                count.key_hash,
                count.address,
                count.since.isoformat(timespec="seconds"),
            )
            hundreds, rest = divmod(times, HUNDRED)
            rows += [(*told, count.route, HUNDRED, part) for part in range(1, hundreds + 1)]
            rows += [(*told, count.route, rest, 0)] if rest else []
        await self._database.fetch(_WRITE, *(list(column) for column in zip(*rows, strict=True)))
        # Others may have been counted meanwhile.
        for owner, times in due:
            count = self._counts[owner]
            count.times -= times
            if count.times:
                count.began, count.since = self._clock(), datetime.now(UTC)
                self._counts.move_to_end(owner)
            else:
                del self._counts[owner]
