"""The audit trail: who did what, when, from where. Rows of deeds are added here, those of refusals by
`backbone.eventlog.refusals`, since gateways refuse as well.
"""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from backbone.eventlog.postgres import Database

log = logging.getLogger("bellwire.access")


@dataclass(frozen=True, slots=True)
class Actor:
    """The holder of a key. `key_id` names the key without being it; `address` is where the request came from."""

    kind: str | None
    key_id: str | None
    terminal: UUID | None
    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be noted. `facts` hold no key, and nothing that tells who a customer is. `tenant` is None where only
    the database knows it.
    """

    actor: Actor
    tenant: str | None
    action: str
    facts: dict[str, Any]

    @property
    def values(self) -> tuple[Any, ...]:
        """The parameters that `noted_where` counts on, in its order."""
        actor = self.actor
        return (
            self.tenant,
            actor.kind,
            actor.key_id,
            actor.terminal,
            actor.address or None,
            self.action,
            orjson.dumps(self.facts).decode(),
        )


_TYPES = ("text", "text", "text", "uuid", "text", "text", "text::jsonb")


def noted_where(source: str, first: int, *, tenant: str = "NULL", facts: str = "'{}'::jsonb") -> str:
    """Return a CTE that adds the row in the very statement that does what is noted, if that did anything.

    `source` is the CTE that returns a row when it was done; the entry's `values` are parameters from `$first` on.
    `facts` are more of them that only the source's row has, and `tenant` is its tenant, where the entry names none.
    """
    values = [f"${number}::{kind}" for number, kind in enumerate(_TYPES, start=first)]
    values[0] = f"coalesce({values[0]}, {tenant})"
    values[-1] = f"{values[-1]} || {facts}"
    return f"""noted AS (
        INSERT INTO audit_trail (tenant, kind, key_id, terminal_id, address, action, facts)
        SELECT {", ".join(values)} FROM (SELECT * FROM {source} LIMIT 1) AS once
    )"""  # noqa: S608 - put together from constants


def log_end(entry: Entry) -> None:
    """Say in the log, too, that keys were ended: it is where the refusals are that follow."""
    actor = entry.actor
    log.info(
        entry.action,
        extra={"tenant": entry.tenant, "by": actor.key_id, "address": actor.address or None, **entry.facts},
    )


_NOTE = f"WITH done AS (SELECT 1), {noted_where('done', 1)} SELECT 1"


async def note(database: Database, entry: Entry) -> None:
    """Add a row for what is only read.

    Raises:
        Unavailable: PostgreSQL; then what was to be noted is not to be shown.
    """
    await database.fetch(_NOTE, *entry.values)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row: who did what, when, from where. `facts` is JSON; `count` is how many of them the row stands for."""

    entry_id: int
    at: str
    kind: str | None
    key_id: str | None
    terminal_id: UUID | None
    address: str | None
    action: str
    facts: str
    count: int


_LIST = """
    SELECT entry_id, rfc3339(at) AS at, kind, key_id, terminal_id, address, action, facts::text AS facts, count
    FROM audit_trail WHERE tenant = $3 AND ($1::bigint IS NULL OR entry_id < $1) ORDER BY entry_id DESC LIMIT $2
"""
# Said in its own words: a comparison that takes both would not go by the index.
_LIST_OF_NONE = _LIST.replace("tenant = $3", "tenant IS NULL")


async def list_entries(
    database: Database, tenant: str | None, before: int | None, limit: int
) -> list[AuditEntry]:
    """Return up to `limit` rows of a tenant from before an entry, newest first; without a tenant, those of none.

    Raises:
        Unavailable: PostgreSQL.
    """
    if tenant is None:
        rows = await database.fetch(_LIST_OF_NONE, before, limit)
    else:
        rows = await database.fetch(_LIST, before, limit, tenant)
    return [AuditEntry(**dict(row.items())) for row in rows]
