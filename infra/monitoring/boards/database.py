"""The rows about PostgreSQL: as the pods see it, and as its exporters do."""

from infra.monitoring.panels import Panel, Query, Row, rate

EXPORTED = 'job="bellwire-postgres"'
HIT = rate("pg_stat_database_blks_hit", of=(EXPORTED,))

DATABASE = Row(
    "PostgreSQL, as the pods see it",
    (
        Panel(
            "PostgreSQL",
            "Which pods reach it: 1 or 0. A line begins when its pod has asked once.",
            "short",
            (Query("bellwire_postgres_up", "{{job}} {{instance}}"),),
            least=1,
            highest=1,
            alerts=("BellwirePostgresDown", "BellwirePodWithoutPostgres"),
        ),
        Panel(
            "Statements",
            "Sent to PostgreSQL, by kind of pod.",
            "cps",
            (Query(rate("bellwire_postgres_statements_total", "job"), "{{job}}"),),
        ),
        Panel(
            "Statements that wait for a connection",
            "How many wait at any moment because their pool has none free.",
            "none",
            (
                Query(
                    rate("bellwire_postgres_pool_wait_seconds_total", "pool", "instance"),
                    "{{pool}} {{instance}}",
                ),
            ),
            limit=2,
            alerts=("BellwirePoolBusy",),
        ),
        Panel(
            "Waits for a connection",
            "By what became of them; refused: none came free in time.",
            "cps",
            (Query(rate("bellwire_postgres_pool_waits_total", "pool", "outcome"), "{{pool}} {{outcome}}"),),
        ),
        Panel(
            "Sessions",
            "Taken by everybody, and as many as PostgreSQL takes.",
            "short",
            (
                Query("max(bellwire_postgres_sessions)", "taken"),
                Query("max(bellwire_postgres_sessions_most)", "most"),
            ),
            alerts=("BellwirePostgresSessions",),
        ),
        Panel(
            "Standbys",
            "Servers that receive the log, and whether commits are set to wait for one.",
            "short",
            (
                Query("max(bellwire_postgres_standbys)", "standbys"),
                Query("max(bellwire_postgres_sync_wanted)", "synchronous wanted"),
            ),
            alerts=("BellwireStandbyLost",),
        ),
        Panel(
            "Commits that wait for a standby",
            "For more than a second, at the last look: one that does not answer stops all writes.",
            "short",
            (Query("max(bellwire_postgres_sync_waits)", "commits"),),
            limit=1,
            alerts=("BellwireWritesWaitForStandby",),
        ),
        Panel(
            "Days of partitions ahead",
            "Made by API pods once a day; without one for the day, orders are refused.",
            "short",
            (Query("max(bellwire_postgres_partition_days)", "days"),),
            least=2,
            alerts=("BellwirePartitionsMissing",),
            kind="stat",
        ),
        Panel(
            "Schema",
            "Pods whose database has the schema of their version: 1, or 0 while they wait for `bellwire migrate`.",
            "short",
            (Query("min by (job) (bellwire_schema_ready)", "{{job}}"),),
            least=1,
            highest=1,
        ),
    ),
)

SERVER = Row(
    "PostgreSQL, as its exporters see it",
    (
        Panel(
            "Size of the database",
            "As PostgreSQL says; the event log gives its oldest day back each day.",
            "bytes",
            (Query("max(bellwire_postgres_database_bytes)", "bytes"),),
        ),
        Panel(
            "Commits and rollbacks",
            "Of postgres_exporter, as the next four.",
            "cps",
            (
                Query(rate("pg_stat_database_xact_commit", of=(EXPORTED,)), "commits"),
                Query(rate("pg_stat_database_xact_rollback", of=(EXPORTED,)), "rollbacks"),
            ),
        ),
        Panel(
            "Longest transaction",
            "One that stays open for long holds locks, and stops vacuum.",
            "s",
            (Query(f"max by (state) (pg_stat_activity_max_tx_duration{{{EXPORTED}}})", "{{state}}"),),
            limit=60,
        ),
        Panel(
            "Locks",
            "By mode; exclusive ones that stay are somebody's ALTER TABLE, or an open transaction.",
            "short",
            (Query(f"sum by (mode) (pg_locks_count{{{EXPORTED}}})", "{{mode}}"),),
        ),
        Panel(
            "Read from memory",
            "The share of blocks that PostgreSQL found in its own buffers.",
            "percentunit",
            (
                Query(
                    f"{HIT} / ({HIT} + {rate('pg_stat_database_blks_read', of=(EXPORTED,))})",
                    "from memory",
                ),
            ),
            lowest=None,
            highest=1,
        ),
        Panel(
            "Lag of standbys",
            "Of a postgres_exporter beside each standby.",
            "s",
            (
                Query(
                    f"max by (instance) (pg_replication_lag_seconds{{{EXPORTED}}} or pg_replication_lag{{{EXPORTED}}})",
                    "{{instance}}",
                ),
            ),
            limit=60,
            alerts=("BellwireStandbyBehind",),
        ),
        Panel(
            "Disks of its machine",
            "The share that is left, of a node_exporter there; a full one stops all writes.",
            "percentunit",
            (Query("instance:bellwire_postgres_disk_left:min", "{{instance}} {{mountpoint}}"),),
            least=0.05,
            highest=1,
            alerts=("BellwirePostgresDiskFilling", "BellwirePostgresDiskFull"),
        ),
    ),
)
