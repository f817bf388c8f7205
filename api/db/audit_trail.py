"""The audit trail: who did what, when, from where. Rows are added here and nowhere else."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from backbone.eventlog.postgres import Database


@dataclass(frozen=True, slots=True)
class Actor:
    """The holder of a key. `key_id` names the key without being it; `address` is where the request came from."""

    kind: str
    key_id: str
    terminal: UUID | None
    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be noted. `facts` hold no key, and nothing that tells who a customer is."""

    actor: Actor
    tenant: str
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


def noted_where(source: str, first: int) -> str:
    """Return a CTE that adds the row in the very statement that does what is noted, if that did anything.

    `source` is the CTE that returns a row when it was done; the entry's `values` are parameters from `$first` on.
    """
    values = ", ".join(f"${number}::{kind}" for number, kind in enumerate(_TYPES, start=first))
    return f"""noted AS (
        INSERT INTO audit_trail (tenant, kind, key_id, terminal_id, address, action, facts)
        SELECT {values} FROM (SELECT 1 FROM {source} LIMIT 1) AS once
    )"""  # noqa: S608 - put together from constants


_NOTE = f"WITH done AS (SELECT 1), {noted_where('done', 1)} SELECT 1"


async def note(database: Database, entry: Entry) -> None:
    """Add a row for what is only read.

    Raises:
        Unavailable: PostgreSQL; then what was to be noted is not to be shown.
    """
    await database.fetch(_NOTE, *entry.values)
