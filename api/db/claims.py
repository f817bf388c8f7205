"""Claims in the database, which decides who holds one: one function call each, behind the order's lock."""

from typing import Any
from uuid import UUID

import orjson

from api.core.claims import MAX_PURPOSES, Claiming, Finishing
from backbone.eventlog.postgres import Database

_CLAIM = "SELECT outcome, result FROM claim_order($1, $2, $3, $4, $5, $6)"


async def claim_order(
    database: Database, tenant: str, order_id: UUID, terminal: UUID, purpose: str, ttl_seconds: int
) -> tuple[Claiming, bytes]:
    """Ask for a claim, or for more time; returns what became of it, and the answer's body or a problem's members.

    Raises:
        Unavailable: PostgreSQL; it may have been claimed, and asking again tells.
    """
    row = await database.fetch_row(_CLAIM, tenant, order_id, terminal, purpose, ttl_seconds, MAX_PURPOSES)
    assert row is not None
    return Claiming(row["outcome"]), row["result"].encode()


_FINISH = "SELECT outcome, result FROM finish_claim($1, $2, $3, $4, $5)"


async def finish_claim(
    database: Database, tenant: str, order_id: UUID, terminal: UUID, purpose: str, fence: int
) -> tuple[Finishing, dict[str, Any]]:
    """Say that what a claim was for is done; returns what became of it, and a problem's members.

    Raises:
        Unavailable: PostgreSQL; it may be done, and saying so again tells.
    """
    row = await database.fetch_row(_FINISH, tenant, order_id, terminal, purpose, fence)
    assert row is not None
    facts: dict[str, Any] = orjson.loads(row["result"])
    return Finishing(row["outcome"]), facts
