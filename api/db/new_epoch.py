"""Say by hand that this database's history is another one: for a restore that leaves no mark on the server.

Most restores need nothing: their first pod notices (migrations/0009_epochs.sql). `pg_restore --data-only` and a copy
by `CREATE DATABASE … TEMPLATE` are the ones that do not show.

Why: docs/decisions/0020-epochs.md, docs/decisions/0155-backups-are-practised.md
"""

from api.db.command_session import command_session

_NEWEST = "SELECT max(epoch) FROM cluster_epochs"
_OVER = "UPDATE cluster_epochs SET timeline = '' WHERE epoch = (SELECT max(epoch) FROM cluster_epochs)"
_ENTER = "SELECT enter_epoch()"


async def new_epoch(database_url: str) -> tuple[int | None, int]:
    """Enter a new epoch whatever the server's marks say, and return the one before and the new one.

    Raises:
        Unavailable: PostgreSQL, or it is a standby.
        DatabaseTrouble: as `command_session`; the user has to be the tables' owner.
    """
    async with command_session(database_url, statement_cache_size=0) as connection, connection.transaction():
        before = await connection.fetchval(_NEWEST)
        await connection.execute(_OVER)
        return before, await connection.fetchval(_ENTER)
