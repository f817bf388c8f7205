"""The statements behind an operator's overview, and the word that drains a gateway."""

from typing import Any

import orjson

from api.core.overview import SILENT_SECONDS, PodRow
from api.db.audit_trail import Entry, noted_where
from backbone.eventlog.postgres import Database
from backbone.eventlog.presence import LEASE_SECONDS

SHOWN = "10 minutes"
"""A pod that fell silent is shown for so long."""
MOST_PODS = 500
MOST_ORDERS = 20
MOST_ENDPOINTS = 10

# A gateway of release 0.1 renews its lease and writes no sample; it says nothing of readings.
_PODS = f"""
    SELECT kind, pod, version, rfc3339(started_at) AS since,
           extract(epoch FROM clock_timestamp() - sampled_at)::float8 AS age, sample, drain_wanted,
           rfc3339(lost_at) AS lost_at
    FROM pod_samples WHERE sampled_at > clock_timestamp() - interval '{SHOWN}'
    UNION ALL
    SELECT 'gateway', g.gateway, NULL, NULL, extract(epoch FROM clock_timestamp() - g.renewed_at)::float8, NULL,
           false, NULL
    FROM gateways g
    WHERE g.readings IS NULL AND g.renewed_at > clock_timestamp() - make_interval(secs => $1)
      AND NOT EXISTS (SELECT FROM pod_samples s WHERE s.kind = 'gateway' AND s.pod = g.gateway)
    ORDER BY kind, pod LIMIT {MOST_PODS}
"""  # noqa: S608 - put together from constants


async def list_pods(database: Database) -> list[PodRow]:
    """Return the pods that were heard of lately.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_PODS, float(LEASE_SECONDS))
    return [
        PodRow(
            row["kind"],
            row["pod"],
            row["version"],
            row["since"],
            max(0.0, row["age"]),
            None if row["sample"] is None else orjson.loads(row["sample"]),
            row["drain_wanted"],
            row["lost_at"],
        )
        for row in rows
    ]


_UNSEEN = f"""
    SELECT count(*) OVER () AS unseen, u.tenant, u.order_id, order_number(o.order_seq) AS number, u.attempt,
           extract(epoch FROM clock_timestamp() - u.counts_from)::float8 AS waited
    FROM unseen_orders u JOIN tenants n USING (tenant) JOIN orders o USING (order_id)
    WHERE u.seen_at IS NULL AND (u.partly_at IS NULL OR still_unseen(u)) AND u.counts_from <= clock_timestamp()
      AND n.disabled_at IS NULL AND NOT n.is_test
    ORDER BY u.counts_from, u.order_id LIMIT {MOST_ORDERS}
"""  # noqa: S608 - put together from constants


async def unseen_orders(database: Database) -> dict[str, Any]:
    """Return how many orders nobody who counts has seen, in all shops, and the oldest of them.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_UNSEEN)
    return {
        "count": rows[0]["unseen"] if rows else 0,
        "orders": [
            {
                "tenant": row["tenant"],
                "orderId": str(row["order_id"]),
                "orderNumber": row["number"],
                "waitedSeconds": int(row["waited"]),
                "alarms": row["attempt"],
            }
            for row in rows
        ],
    }


_WEBHOOKS = f"""
    WITH endpoint AS MATERIALIZED (
        SELECT e.*, greatest(s.seq - e.seq, 0) AS lag FROM webhook_endpoints e JOIN tenant_streams s USING (tenant)
    ), worst AS (
        SELECT json_build_object(
            'tenant', tenant, 'webhookId', endpoint_id, 'enabled', disabled_at IS NULL, 'lag', lag,
            'failures', failures, 'lastOutcome', last_outcome
        ) AS document, lag, failures, endpoint_id
        FROM endpoint WHERE failures > 0 OR disabled_at IS NOT NULL
        ORDER BY disabled_at IS NOT NULL, lag DESC, failures DESC, endpoint_id LIMIT {MOST_ENDPOINTS}
    )
    SELECT count(*) AS endpoints, count(*) FILTER (WHERE disabled_at IS NOT NULL) AS off,
           count(*) FILTER (WHERE disabled_at IS NULL AND failures > 0) AS failing,
           count(*) FILTER (WHERE disabled_at IS NULL AND refusals > 1) AS refusing,
           coalesce(sum(lag) FILTER (WHERE disabled_at IS NULL), 0)::bigint AS backlog,
           (SELECT coalesce(json_agg(document), '[]')::text FROM worst) AS worst
    FROM endpoint
"""  # noqa: S608 - put together from constants


async def webhook_backlog(database: Database) -> dict[str, Any]:
    """Return how webhook endpoints fare, in all shops, and those that fare worst.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_WEBHOOKS)
    assert row is not None
    counted = {name: row[name] for name in ("endpoints", "off", "failing", "refusing", "backlog")}
    return {**counted, "worst": orjson.loads(row["worst"])}


# Workers of one pod share its door, so they drain together: their names have the pod's before the slash.
# Locked in one order: of two that would each drain one of the last two gateways, one is told that it is the last.
_DRAIN = f"""
    WITH gateway AS MATERIALIZED (
        SELECT * FROM pod_samples WHERE kind = 'gateway' ORDER BY pod FOR UPDATE
    ), there AS (
        SELECT * FROM gateway WHERE sampled_at > clock_timestamp() - make_interval(secs => $3)
    ), meant AS (
        SELECT pod FROM there WHERE pod = $1 OR starts_with(pod, $1 || '/')
    ), others AS (
        SELECT pod FROM there
        WHERE pod NOT IN (SELECT pod FROM meant) AND NOT drain_wanted AND NOT (sample::json ->> 'draining')::boolean
    ), done AS (
        UPDATE pod_samples s SET drain_wanted = $2 FROM meant
        WHERE s.kind = 'gateway' AND s.pod = meant.pod AND (NOT $2 OR EXISTS (SELECT FROM others))
        RETURNING s.pod
    ), {noted_where("done", 4)}
    SELECT (SELECT count(*) FROM meant) AS meant, (SELECT count(*) FROM done) AS done
"""  # noqa: S608 - put together from constants


async def ask_gateway(database: Database, gateway: str, *, drain: bool, entry: Entry) -> bool | None:
    """Ask a gateway to drain, or to be there again, and note it; False where it is the last one that takes terminals,
    None where there is none of this name that can be asked.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_DRAIN, gateway, drain, SILENT_SECONDS, *entry.values)
    assert row is not None
    return bool(row["done"]) if row["meant"] else None
