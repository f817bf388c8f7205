"""A tenant's footprint in the database: how many rows of each kind, where its stream stands; and a hand on its lock."""

import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg

_TABLES = (
    "orders", "gift_cards", "pos_gift_card_transactions", "loyalty_accounts", "pos_loyalty_transactions",
    "pos_sync_logs", "idempotency_keys", "pos_daily_reports", "terminals", "readings", "unseen_orders", "api_keys",
)  # fmt: skip


async def footprint(database: "asyncpg.Connection[asyncpg.Record]", tenant: str) -> dict[str, int]:
    """Count everything of a tenant."""
    counts = {
        table: await database.fetchval(f"SELECT count(*) FROM {table} WHERE tenant = $1", tenant)
        for table in _TABLES
    }
    for table in ("order_items", "order_status_history"):
        counts[table] = await database.fetchval(
            f"SELECT count(*) FROM {table} JOIN orders USING (order_id) WHERE tenant = $1", tenant
        )
    stream = await database.fetchrow("SELECT seq, order_seq FROM tenant_streams WHERE tenant = $1", tenant)
    assert stream is not None
    return {**counts, "seq": stream["seq"], "order_seq": stream["order_seq"]}


async def acked(database: "asyncpg.Connection[asyncpg.Record]", terminal_id: str) -> tuple[int, int] | None:
    """The newest ack of a terminal, as (epoch, seq)."""
    row = await database.fetchrow("SELECT epoch, seq FROM newest_ack($1)", UUID(terminal_id))
    return None if row is None or row["seq"] is None else (row["epoch"], row["seq"])


@contextlib.asynccontextmanager
async def held_up(database_url: str, tenant: str) -> AsyncIterator[None]:
    """Hold every write of a tenant up in its last step: whoever has the stream's row has them all wait."""
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM tenant_streams WHERE tenant = $1 FOR UPDATE", tenant)
            yield
    finally:
        await holder.close()
