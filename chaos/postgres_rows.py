"""The fates of PostgreSQL: it ends in one of its ways and comes back, or its synchronous standby takes over.

The pods know two addresses, of which one is free until a standby starts there.
"""

import asyncio
import signal
from collections.abc import Callable

import asyncpg

from chaos.town import FaultMissed, Town, pause
from infra.local.postgres import Postgres
from infra.local.standby import Standby
from infra.local.waiting import wait_until

IN_STEP = "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
IN_STEP_SECONDS = 15.0


def restart_postgres(how: signal.Signals) -> Callable[[Town, float], None]:
    """It ends by this signal, and is started again."""

    def act(town: Town, seconds: float) -> None:
        town.postgres.restart(how)
        # The first moments after count as well: what was waiting comes all at once.
        pause(seconds / 2)

    return act


def promote_standby(town: Town, seconds: float) -> None:
    """A synchronous standby is made; then the primary dies, and the standby takes over for good."""
    primary = town.postgres
    standby = Standby(primary, port=town.place.free_postgres_port)
    try:
        standby.start()
        primary.reconfigure("synchronous_standby_names", "*")
        if not wait_until(lambda: ask(primary, IN_STEP), IN_STEP_SECONDS):
            raise FaultMissed("the standby is not in step")
        pause(seconds / 4)
        primary.kill()
        standby.promote()
    except BaseException:
        primary.reconfigure("synchronous_standby_names", "")
        primary.restart()
        standby.stop()
        raise
    town.place.take_over(standby)
    pause(seconds / 4)


def ask(server: Postgres, question: str) -> bool:
    """A server's answer to a question with yes or no; no, if it does not answer."""

    async def fetch() -> bool:
        connection = await asyncpg.connect(server.url)
        try:
            return bool(await connection.fetchval(question))
        finally:
            await connection.close()

    try:
        return asyncio.run(fetch())
    except (OSError, asyncpg.PostgresError):
        return False
