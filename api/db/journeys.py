"""An order's journey and a terminal's connections: the journal of readings, asked.

A reading is a stretch of a connection, or a chain of polls; the stretches of one connection are one line here.
"""

from dataclasses import dataclass
from uuid import UUID

from api.db.orders import steps_of
from api.db.status import POLL_SECONDS
from backbone.eventlog.pod_samples import EVERY_SECONDS
from backbone.eventlog.postgres import Database
from backbone.eventlog.presence import LEASE_SECONDS

CONNECTIONS_SHOWN = 50
TERMINALS_SHOWN = 200
CONNECTIONS_OF_ORDER = 20

# Which connections are looked at is said by `those`, along an index: a till on a bad line has had thousands.
# A connection whose gateway died ended when that was last heard of, also where another process has its name by now: by
# that one's clock and by the database's, should the two differ. A poller is there until its poll is too long ago.
_CONNECTIONS = f"""
    SELECT r.terminal_id, r.no, r.reading_id, min(r.began_at) AS began_at,
           coalesce(max(r.ended_at), CASE
               WHEN r.door = 'polling' THEN CASE
                   WHEN max(r.polled_at) < clock_timestamp() - interval '{POLL_SECONDS} seconds' THEN max(r.polled_at)
               END
               WHEN g.renewed_at IS NULL THEN max(r.began_at)
               WHEN g.renewed_at < clock_timestamp() - interval '{LEASE_SECONDS} seconds'
                   THEN greatest(g.renewed_at, max(r.began_at))
               WHEN max(r.began_at) < p.started_at AND max(r.began_at) < p.lost_at + interval '{EVERY_SECONDS} seconds'
                   THEN greatest(p.lost_at, max(r.began_at))
           END) AS ended_at,
           r.gateway, r.door, r.address, r.agent, max(r.code) AS code,
           (array_agg(r.epoch || '-' || r.began_seq ORDER BY r.stretch))[1] AS first_offset,
           (array_agg(r.epoch || '-' || r.sent_seq ORDER BY r.stretch DESC))[1] AS last_offset
    FROM readings r LEFT JOIN gateways g ON g.gateway = r.gateway
    LEFT JOIN pod_samples p ON p.kind = 'gateway' AND p.pod = r.gateway
    WHERE r.terminal_id = {{terminal}} AND {{those}}
    GROUP BY r.terminal_id, r.no, r.reading_id, r.gateway, r.door, r.address, r.agent, g.renewed_at,
             p.lost_at, p.started_at
"""  # noqa: S608 - put together from constants

_NEWEST = f"""
    r.no >= (
        SELECT min(n.no) FROM (
            SELECT DISTINCT n.no FROM readings n WHERE n.terminal_id = $2 ORDER BY n.no DESC LIMIT {CONNECTIONS_SHOWN}
        ) n
    )
"""  # noqa: S608 - put together from constants

_OF_TERMINAL = f"""
    SELECT t.name, (
        SELECT coalesce(json_agg((
            jsonb_build_object(
                'from', rfc3339(c.began_at), 'to', rfc3339(c.ended_at), 'gateway', c.gateway, 'door', c.door,
                'code', c.code, 'firstOffset', c.first_offset, 'lastOffset', c.last_offset
            ) || CASE WHEN $3::boolean THEN '{{}}'
                      ELSE jsonb_build_object('address', c.address, 'agent', c.agent) END
        ) ORDER BY c.no DESC), '[]')::text
        FROM (
            SELECT c.* FROM ({_CONNECTIONS.format(terminal="$2", those=_NEWEST)}) c
            ORDER BY c.no DESC LIMIT {CONNECTIONS_SHOWN}
        ) c
    ) AS connections
    FROM terminals t WHERE t.tenant = $1 AND t.terminal_id = $2
"""  # noqa: S608 - put together from constants


async def connections_of(
    database: Database, tenant: str, terminal: UUID, *, without_addresses: bool
) -> str | None:
    """Return a terminal's last connections, newest first, as finished JSON; None when there is no such terminal.

    `without_addresses`: nor with what its client calls itself.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_OF_TERMINAL, tenant, terminal, without_addresses)
    if row is None:
        return None
    found: str = row["connections"]
    return found


@dataclass(frozen=True, slots=True)
class Journey:
    """An order, and all that became of it. Lists are finished JSON; `announced` is None without an event."""

    committed: str
    announced: str | None
    terminals: str
    status: str
    alarms: str
    webhooks: str
    claims: str


# A connection that had ended before the order was there was not sent it; a clock may have been set back by less.
_SLACK = "interval '10 minutes'"
# A stretch that is no more than a part of its connection has no end, or that of the whole.
_SINCE_ORDER = """
    r.no IN (
        SELECT n.no FROM readings n
        WHERE n.terminal_id = t.terminal_id AND coalesce(n.ended_at, 'infinity') >= it.created_at
          AND n.began_at <= it.horizon
    )
"""

# `horizon`: when it was moved on. Only an order that had an alarm has some to be looked for in the log.
_JOURNEY = f"""
    WITH it AS MATERIALIZED (
        SELECT o.*, coalesce((
            SELECT h.changed_at FROM order_status_history h WHERE h.order_id = o.order_id AND h.position = 2
        ), clock_timestamp()) AS horizon,
        (
            SELECT l.committed_at FROM pos_sync_logs l WHERE l.tenant = o.tenant AND l.seq = o.event_seq
        ) AS announced_at
        FROM orders o WHERE o.tenant = $1 AND o.order_id = $2
    ), receipts AS MATERIALIZED (
        SELECT r.terminal_id, r.webhook_id, r.acked_at, r.by FROM orders o CROSS JOIN LATERAL receipts_of(o) r
        WHERE o.tenant = $1 AND o.order_id = $2
    ), there AS (
        SELECT t.* FROM terminals t CROSS JOIN it
        WHERE t.tenant = $1 AND (t.revoked_at IS NULL OR t.revoked_at > it.created_at)
          AND (t.created_at <= it.horizon OR EXISTS (SELECT FROM receipts r WHERE r.terminal_id = t.terminal_id))
        ORDER BY t.created_at, t.terminal_id LIMIT {TERMINALS_SHOWN}
    )
    SELECT rfc3339(it.created_at) AS committed,
           CASE WHEN it.event_seq IS NOT NULL THEN rfc3339(coalesce(it.announced_at, it.created_at)) END AS announced,
           (
               SELECT coalesce(json_agg(json_build_object(
                   'terminalId', t.terminal_id, 'name', t.name, 'connected', (
                       SELECT coalesce(json_agg(json_build_object(
                           'from', rfc3339(c.began_at), 'to', rfc3339(c.ended_at), 'gateway', c.gateway,
                           'door', c.door, 'code', c.code
                       ) ORDER BY c.no), '[]')
                       FROM (
                           SELECT c.* FROM ({_CONNECTIONS.format(terminal="t.terminal_id", those=_SINCE_ORDER)}) c
                           WHERE c.began_at <= it.horizon AND (c.ended_at IS NULL OR c.ended_at >= it.created_at)
                           ORDER BY c.no LIMIT {CONNECTIONS_OF_ORDER}
                       ) c
                   ),
                   'sentBefore', EXISTS (
                       SELECT FROM readings r
                       WHERE r.terminal_id = t.terminal_id
                         AND coalesce(r.ended_at, 'infinity') >= it.created_at - {_SLACK}
                         AND r.began_seq < it.event_seq AND r.sent_seq >= it.event_seq
                         AND r.epoch >= it.event_epoch
                         AND reading_passes(r.types, r.stations, r.categories, it.stations, it.categories)
                   ),
                   'ackedAt', (SELECT rfc3339(r.acked_at) FROM receipts r WHERE r.terminal_id = t.terminal_id)
               ) ORDER BY t.created_at, t.terminal_id), '[]')::text
               FROM there t
           ) AS terminals,
           ({steps_of("it")}) AS status,
           (
               SELECT coalesce(json_agg(json_build_object(
                   'type', l.type, 'at', rfc3339(l.committed_at), 'offset', l.epoch || '-' || l.seq,
                   'attempt', l.data -> 'attempt', 'waitedSeconds', l.data -> 'waitedSeconds'
               ) ORDER BY l.seq), '[]')::text
               FROM (
                   SELECT l.*, convert_from(l.payload, 'UTF8')::json -> 'data' AS data FROM pos_sync_logs l
                   WHERE it.alarmed_at IS NOT NULL AND l.tenant = $1 AND l.seq > it.event_seq
                     AND l.committed_at >= it.created_at
                     AND l.type IN ('order_unacknowledged', 'order_acknowledged')
                     AND position(convert_to(it.order_id::text, 'UTF8') IN l.payload) > 0
               ) l
           ) AS alarms,
           (
               SELECT coalesce(json_agg(json_build_object(
                   'webhookId', e.endpoint_id, 'url', e.url, 'counts', e.counts, 'enabled', e.disabled_at IS NULL,
                   'sentBefore', coalesce((e.epoch, e.seq) >= (it.event_epoch, it.event_seq)
                                          AND reading_passes(
                                              e.types, e.stations, e.categories, it.stations, it.categories
                                          ), false),
                   'failures', e.failures, 'lastOutcome', e.last_outcome,
                   'ackedAt', (SELECT rfc3339(r.acked_at) FROM receipts r WHERE r.webhook_id = e.endpoint_id)
               ) ORDER BY e.created_at, e.endpoint_id), '[]')::text
               FROM webhook_endpoints e WHERE e.tenant = $1 AND e.created_at <= it.horizon
           ) AS webhooks,
           (
               SELECT coalesce(json_agg(json_build_object(
                   'purpose', c.purpose, 'fence', c.fence, 'terminalId', c.terminal_id, 'name', t.name,
                   'claimedAt', rfc3339(c.claimed_at), 'expiresAt', rfc3339(c.expires_at), 'doneAt', rfc3339(c.done_at)
               ) ORDER BY c.claimed_at, c.purpose), '[]')::text
               FROM order_claims c JOIN terminals t USING (terminal_id)
               WHERE c.tenant = $1 AND c.order_id = it.order_id
           ) AS claims
    FROM it
"""  # noqa: S608 - put together from constants


async def journey_of(database: Database, tenant: str, order_id: UUID) -> Journey | None:
    """Return what became of an order; None when there is no such order.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_JOURNEY, tenant, order_id)
    return None if row is None else Journey(**dict(row.items()))
