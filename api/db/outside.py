"""One statement outside a transaction: a long index that stops nobody's writes, on a connection of its own.

The caller's transaction holds the lock of `migrate` meanwhile, and no snapshot, for which an index would wait. A run
that was cut leaves an invalid index: it is dropped and built anew, or awaited while the server still builds it.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable

import asyncpg

from api.db import told_wait
from api.db.migration_files import Migration, MigrationRefused, strip_comments
from api.db.migration_log import Connection
from api.db.told_wait import tell_while
from backbone.eventlog.primary import connect_once

CONNECT_SECONDS = 10
LOOK_SECONDS = 1.0

_INDEX = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(\w+)\s+ON\s", re.IGNORECASE)

_STATE = """
    SELECT i.indisvalid AS valid,
           EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) AS building
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relname = $1 AND pg_table_is_visible(c.oid)
"""

_PROGRESS = """
    SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total
    FROM pg_stat_progress_create_index WHERE datname = current_database() AND pid = $1
"""

# Asked for at the connect: a pooler, on which a session is not ours alone, refuses to pass that on.
_SESSION = {
    "application_name": "bellwire-migrate",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


async def run_outside(url: str, migration: Migration, say: Callable[[str], None]) -> None:
    """Run the one statement of a migration to its end, however long it takes. Raises what asyncpg does; and

    Raises:
        MigrationRefused: the address leads to a pooler.
    """
    async with contextlib.AsyncExitStack() as closing:

        async def connect() -> Connection:
            made = await connect_once(url, CONNECT_SECONDS, statement_cache_size=0, server_settings=_SESSION)
            closing.push_async_callback(made.close, timeout=2)
            return made

        try:
            worker, watch = await connect(), await connect()
        except asyncpg.ProtocolViolationError as exc:
            raise MigrationRefused(
                f"{migration.name} runs outside a transaction, which no pooler allows: "
                "give the server's own address."
            ) from exc
        found = _INDEX.search(strip_comments(migration.sql))
        if found is None or not await _is_built(watch, worker, found.group(1), say):

            async def progress() -> str:
                return _in_words(await _progress(watch, worker))

            await tell_while(migration.name, worker.execute(migration.sql), say, progress)


async def _is_built(watch: Connection, worker: Connection, index: str, say: Callable[[str], None]) -> bool:
    """Whether an earlier run built it. Half an index that it left is removed."""
    told_at = float("-inf")
    while True:
        states = await watch.fetch(_STATE, index)
        if not states:
            return False
        if not states[0]["building"]:
            break
        if time.monotonic() - told_at >= told_wait.TELL_SECONDS:
            told_at = time.monotonic()
            say(f"the server still builds {index} for a run that was cut; waiting for it")
        await asyncio.sleep(LOOK_SECONDS)
    if states[0]["valid"]:
        say(f"{index} is there already")
        return True
    say(f"{index} was left half built; building it anew")
    # The pattern has made sure that it is one word.
    await worker.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
    return False


async def _progress(watch: Connection, worker: Connection) -> list[asyncpg.Record]:
    """Return how far it is; nothing when that cannot be asked in time, for looking must not end the work."""
    try:
        async with asyncio.timeout(told_wait.TELL_SECONDS):
            return list(await watch.fetch(_PROGRESS, worker.get_server_pid()))
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return []


def _in_words(rows: list[asyncpg.Record]) -> str:
    if not rows:
        return ""
    row = rows[0]
    done, total = (
        (row["blocks_done"], row["blocks_total"])
        if row["blocks_total"]
        else (row["tuples_done"], row["tuples_total"])
    )
    return f": {row['phase']}" + (f", {100 * done // total} %" if total else "")
