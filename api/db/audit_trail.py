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


_NOTE = """
    INSERT INTO audit_trail (tenant, kind, key_id, terminal_id, address, action, facts)
    VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb)
"""


async def note(database: Database, actor: Actor, tenant: str, action: str, **facts: Any) -> None:
    """Add a row. `facts` hold no key, and nothing that tells who a customer is.

    Raises:
        Unavailable: PostgreSQL; then what was to be noted is not to be done, or not to be shown.
    """
    await database.fetch(
        _NOTE,
        tenant,
        actor.kind,
        actor.key_id,
        actor.terminal,
        actor.address or None,
        action,
        orjson.dumps(facts).decode(),
    )
