"""Bring a database to this version's schema: plain SQL files, in order, each once.

Safe from any number of pods at once: one at a time applies a file, and what it applied is checked by its SHA-256. A
file asks for its locks for a moment only and comes back later, so that a long transaction somewhere cannot make it stop
every write. A build may then take any time; it is told every few seconds. See docs/upgrading.md.

Why: docs/decisions/0006-own-migrations.md
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import asyncpg

from api.db import migration_log as book
from api.db import told_wait
from api.db.command_session import command_session
from api.db.migration_files import Migration, MigrationRefused, load_migrations
from api.db.migration_log import Connection
from api.db.migration_plan import Plan, make_plan
from api.db.older_pods import refuse_older_pods
from api.db.outside import run_outside
from api.db.pod_roles import keep_privileges
from api.db.told_wait import tell_while
from backbone.contract.errors import BellwireError
from backbone.eventlog.schema import Phase
from backbone.runtime.version import RELEASE

log = logging.getLogger("bellwire.migrate")

Say = Callable[[str], None]
T = TypeVar("T")

PATIENCE_SECONDS = 600.0
# Behind a statement that waits for a table's lock, everybody else waits too; pods give up after 1.5 s.
LOCK_MILLISECONDS = 500
BUSY_SECONDS = 0.2
PAUSE_SECONDS = (0.5, 5.0)

_BRIEFLY = f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}"

# Sessions that have been in a transaction for longer than we ask for a lock.
_HOLDERS = """
    SELECT pid, application_name, extract(epoch FROM clock_timestamp() - xact_start)::integer AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND clock_timestamp() - xact_start > interval '0.5 seconds'
    ORDER BY xact_start LIMIT 3
"""


class MigrationFailed(BellwireError):
    """PostgreSQL did not take a file, or patience was at its end. Files before it stay applied, it is not."""


def _silent(_: str) -> None:
    pass


async def migrate(
    database_url: str,
    *,
    post: bool = False,
    force: bool = False,
    say: Say = _silent,
    patience_seconds: float = PATIENCE_SECONDS,
) -> list[str]:
    """Apply what is due and return the names of the files that this call applied.

    `post`: the `post` ones of this release too. `force`: even while older pods are connected. `say` hears what goes
    on. `patience_seconds` bounds the wait for a lock, and for another run; what a file takes has no bound.

    Raises:
        MigrationRefused: database and files do not belong together, or older pods are in the way of a `post`.
        MigrationFailed: PostgreSQL refused a file, or patience was at its end.
        Unavailable: PostgreSQL.
        DatabaseTrouble: as `command_session`.
    """
    async with opened(database_url) as connection:
        run = _Run(database_url, connection, say, patience_seconds)
        return await run.all(post=post, force=force)


def opened(database_url: str) -> AbstractAsyncContextManager[Connection]:
    """A connection of our own to the primary. Raises as `command_session`."""
    name = {"application_name": "bellwire-migrate"}
    return command_session(database_url, statement_cache_size=0, server_settings=name)


class _Run:
    """One call of `migrate`."""

    def __init__(self, url: str, connection: Connection, say: Say, patience_seconds: float) -> None:
        self._url = url
        self._connection = connection
        self._say = say
        self._patience_seconds = patience_seconds
        self._told_at = float("-inf")
        self._files = load_migrations()
        self._fresh: bool | None = None

    async def all(self, *, post: bool, force: bool) -> list[str]:
        applied: list[str] = []
        looked_at = force
        while True:
            plan = await self._patiently(lambda: self._look(post=post), "waiting")
            if not plan.now:
                self._sum_up(plan)
                return applied
            migration = plan.now[0]
            if migration.phase is Phase.POST and not looked_at and not self._fresh:
                await refuse_older_pods(self._connection, [m for m in plan.now if m.phase is Phase.POST])
                looked_at = True
            if await self._apply(migration, post=post):
                applied.append(migration.name)
                log.info("migration.applied", extra={"file": migration.name})
                self._say(f"applied {migration.name}")

    async def _look(self, *, post: bool) -> Plan | None:
        """The plan of what is to be done now; None while another run has the lock."""
        async with book.begin(self._connection):
            if not await book.try_lock(self._connection):
                return None
            plan = await self._plan(post=post)
            if plan.now:
                # In a transaction of its own: pods that wait read this table, however long a file takes.
                await self._connection.execute(_BRIEFLY)
                await book.make_ready(self._connection)
            elif given := await keep_privileges(self._connection):
                self._say(f"{len(given)} privileges of the pods' roles were given or taken away")
            return plan

    async def _plan(self, *, post: bool) -> Plan:
        applied = await book.read(self._connection)
        if self._fresh is None:
            self._fresh = not applied
        return make_plan(self._files, applied, post=post, fresh=self._fresh)

    async def _apply(self, migration: Migration, *, post: bool) -> bool:
        """Apply it, unless another run was faster."""

        async def once() -> bool | None:
            async with book.begin(self._connection):
                if not await book.try_lock(self._connection):
                    return None
                if migration not in (await self._plan(post=post)).now[:1]:
                    return False
                if migration.in_transaction:
                    await self._connection.execute(_BRIEFLY)
                    await tell_while(migration.name, self._connection.execute(migration.sql), self._say)
                else:
                    await book.drop_snapshot(self._connection)
                    await run_outside(self._url, migration, self._say)
                await book.remember(self._connection, migration)
                # With the table that they are for: no pod meets one that it may not read.
                await keep_privileges(self._connection)
                return True

        try:
            return await self._patiently(once, f"{migration.name} is waiting")
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.PostgresError as exc:
            raise MigrationFailed(f"{migration.name} failed: {str(exc).splitlines()[0]}") from exc

    async def _patiently(self, attempt: Callable[[], Awaitable[T | None]], what: str) -> T:
        """Try until it is neither None nor fails for a lock that somebody else holds."""
        until = time.monotonic() + self._patience_seconds
        pause = PAUSE_SECONDS[0]
        while True:
            wait, who = BUSY_SECONDS, "another `migrate` is at work"
            try:
                result = await attempt()
                if result is not None:
                    return result
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                wait, pause = pause, min(pause * 2, PAUSE_SECONDS[1])
                who = await self._holders()
            if time.monotonic() + wait > until:
                raise MigrationFailed(f"gave up after {self._patience_seconds:g} s. {what}: {who}")
            self._tell(f"{what}: {who}")
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret

    async def _holders(self) -> str:
        rows = await self._connection.fetch(_HOLDERS)
        held = [f"{row['pid']} ({row['application_name'] or 'unnamed'}, {row['seconds']} s)" for row in rows]
        named = ", ".join(held) or "nobody that this role may see"
        return f"a lock is held by others; longest in a transaction: {named}"

    def _tell(self, text: str) -> None:
        if time.monotonic() - self._told_at >= told_wait.TELL_SECONDS:
            self._told_at = time.monotonic()
            self._say(text)

    def _sum_up(self, plan: Plan) -> None:
        if plan.waiting:
            names = ", ".join(migration.name for migration in plan.waiting)
            self._say(f"{names}: waits for `bellwire migrate --post`, once no pod older than {RELEASE} runs")
        if plan.beyond:
            newest = max(listed.release for listed in plan.beyond)
            names = ", ".join(listed.name for listed in plan.beyond)
            self._say(f"the database is prepared for {newest} already ({names}); {RELEASE} lives with that")


__all__ = ["MigrationFailed", "MigrationRefused", "load_migrations", "migrate"]
