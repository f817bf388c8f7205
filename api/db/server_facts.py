"""A PostgreSQL server's own words about itself, for `bellwire doctor`: one session; nothing is changed or judged."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.db.command_session import command_session
from backbone.eventlog.postgres import session_settings
from backbone.eventlog.schema import APPLIED, TABLE_THERE, Listed, applied_of
from backbone.runtime.clock_skew import clock_skew

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The primary, as a session of ours sees it. None: this role may not see it.

    `skew_seconds` is its clock less ours, right to `trip_seconds`, the median time of a statement. `settings` are its
    own by name, as `pg_settings` has them; `session` are those among them that a pod's session has to have.
    `partitions_end` is the end of the last day for which the log has a partition.
    """

    settings: dict[str, str]
    session: dict[str, str]
    skew_seconds: float
    trip_seconds: float
    connections: int
    superuser: bool
    encrypted: bool
    standbys: int
    synchronous_standbys: int | None
    archive_failed_last: bool | None
    applied: dict[str, Listed]
    partitions_end: datetime | None


_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"

_SETTINGS = "SELECT lower(name) AS name, setting FROM pg_settings WHERE lower(name) = ANY($1)"
WANTED = (
    "server_version", "server_version_num", "max_connections", "superuser_reserved_connections", "fsync",
    "full_page_writes", "synchronous_commit", "synchronous_standby_names", "archive_mode", "archive_command",
    "archive_library", "data_checksums", "statement_timeout",
)  # fmt: skip

# Of other roles' standbys and connections a role without pg_monitor sees that they are there, and no more.
_STATE = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' OR backend_type IS NULL)
               AS connections,
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
           coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
           (SELECT count(*) FROM pg_stat_replication) AS standbys,
           (SELECT CASE WHEN count(*) = count(sync_state) THEN count(*) FILTER (WHERE sync_state IN ('sync', 'quorum'))
                   END FROM pg_stat_replication) AS synchronous,
           (SELECT last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver) AS failing
"""

# The bounds of a day stand in its partition's definition: FOR VALUES FROM ('…') TO ('…').
_PARTITIONS_END = """
    SELECT max((regexp_match(pg_get_expr(c.relpartbound, c.oid), $$TO \\('([^']+)'\\)$$))[1]::timestamptz)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('pos_sync_logs')
"""


async def look_at_database(database_url: str, timeout_seconds: float) -> DatabaseFacts:
    """Ask the primary. `timeout_seconds` is the pods' bound of a statement, which tells the settings of their sessions.

    Raises:
        Unavailable: PostgreSQL.
        DatabaseTrouble: as `command_session`.
    """
    name = {"application_name": "bellwire-doctor"}
    options: dict[str, Any] = {"command_timeout": SECONDS, "statement_cache_size": 0, "server_settings": name}
    async with asyncio.timeout(3 * SECONDS), command_session(database_url, **options) as connection:
        skew, trip = await clock_skew(lambda: connection.fetchval(_NOW))
        own = session_settings(timeout_seconds)
        rows = await connection.fetch(_SETTINGS, [*WANTED, *own])
        settings = {row["name"]: row["setting"] for row in rows}
        state = await connection.fetchrow(_STATE)
        assert state is not None
        there = await connection.fetchval(TABLE_THERE)
        return DatabaseFacts(
            settings=settings,
            session={name: settings.get(name, "") for name in own},
            skew_seconds=skew,
            trip_seconds=trip,
            connections=state["connections"],
            superuser=bool(state["superuser"]),
            encrypted=state["encrypted"],
            standbys=state["standbys"],
            synchronous_standbys=state["synchronous"],
            archive_failed_last=state["failing"],
            applied=applied_of(await connection.fetch(APPLIED)) if there else {},
            partitions_end=await connection.fetchval(_PARTITIONS_END),
        )
