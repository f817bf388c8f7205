"""The state of PostgreSQL itself, as far as a pod may see it without a privilege: standbys, partitions, sessions."""

from dataclasses import dataclass

from backbone.eventlog.postgres import Database

DAYS_LOOKED_AT = 30


@dataclass(frozen=True, slots=True)
class ServerState:
    """`sync_wanted`: commits wait for a standby. `sync_waits`: those of this role that have for a second or more.

    `partition_days`: days ahead that have their partitions without a gap, -1 where today's is missing.
    """

    standbys: int
    sync_wanted: bool
    sync_waits: int
    partition_days: int
    database_bytes: int
    sessions: int
    sessions_most: int


# A role without pg_monitor does not see the work of others' sessions; it sees how many there are.
_STATE = """
    SELECT (SELECT count(*) FROM pg_stat_replication) AS standbys,
           current_setting('synchronous_standby_names') <> '' AS sync_wanted,
           (
               SELECT count(*) FROM pg_stat_activity
               WHERE wait_event = 'SyncRep' AND state_change < clock_timestamp() - interval '1 second'
           ) AS sync_waits,
           (
               SELECT coalesce(min(i), $1) - 1 FROM generate_series(0, $1) AS i
               WHERE to_regclass('pos_sync_logs_' || to_char((now() AT TIME ZONE 'UTC')::date + i, 'YYYYMMDD')) IS NULL
           )::integer AS partition_days,
           pg_database_size(current_database()) AS database_bytes,
           (SELECT sum(numbackends) FROM pg_stat_database)::integer AS sessions,
           current_setting('max_connections')::integer AS sessions_most
"""


async def read_server_state(database: Database) -> ServerState:
    """Ask once.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_STATE, DAYS_LOOKED_AT)
    assert row is not None
    return ServerState(**dict(row))
