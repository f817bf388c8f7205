"""One tenant's history forked, as entering an epoch would leave it: for tests on the run's shared database."""

import asyncpg


async def fork_last_event(database: "asyncpg.Connection[asyncpg.Record]", tenant: str, seq: int) -> None:
    """History forked right before `seq`, the tenant's newest event, which is one of epoch 2 now."""
    async with database.transaction():
        await database.execute("INSERT INTO stream_forks VALUES ($1, 2, $2)", tenant, seq - 1)
        await database.execute("UPDATE tenant_streams SET epoch = 2 WHERE tenant = $1", tenant)
        # Its alarms would be refused, as long as the database as a whole is in epoch 1, and hold up those of others.
        await database.execute("UPDATE unseen_orders SET alarm_at = NULL WHERE tenant = $1", tenant)
        await database.execute(
            """
            UPDATE pos_sync_logs SET epoch = 2, payload = replace(encode(payload, 'escape'), $3, $4)::bytea
            WHERE tenant = $1 AND seq = $2
            """,
            tenant, seq, f"1-{seq}", f"2-{seq}",
        )  # fmt: skip
