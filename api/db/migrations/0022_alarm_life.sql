-- release: 0.2.0
-- phase: pre
--
-- The life of an alarm: attempts at 1, 2, 4, 8 … deadlines, the word that it is over, and whose receipts count: those of
-- a tenant's `alarm_roles`, and of webhook endpoints that count. See docs/decisions/0103-alarms-repeat-and-end.md.

-- The newest attempt that was committed for an order. Versions before this one say no more than `alarmed_at`.
ALTER TABLE orders ADD COLUMN alarm_attempt integer NOT NULL DEFAULT 0;

-- Attempt n of an alarm is due n' deadlines behind the moment from which they count: 1, 2, 4, 8 …; `p_repeats` of them
-- come besides the first. `due` is the latest whose moment has passed and that was not made (one before it is left out);
-- null when there is none. `next_at` is the moment of the one behind it; null when it was the last.
CREATE FUNCTION alarm_due(
    p_counts_from timestamptz, p_deadline integer, p_repeats integer, p_attempt integer, p_now timestamptz,
    OUT due integer, OUT next_at timestamptz
) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    FOR n IN p_attempt + 1 .. p_repeats + 1 LOOP
        next_at := p_counts_from + make_interval(secs => p_deadline::float8 * 2 ^ (n - 1));
        EXIT WHEN next_at > p_now;
        due := n;
        next_at := NULL;
    END LOOP;
END $$;

-- The next step in the life of an order's alarm: the attempt that is due or, where somebody who counts has seen the order
-- behind an alarm, `order_acknowledged` (with `p_ends`). Null when there is nothing to say, or another pod is at it.
CREATE FUNCTION advance_alarm(p_tenant text, p_order_id uuid, p_ends boolean) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    placed orders;
    unseen unseen_orders;
    shop tenants;
    stream tenant_streams;
    due_now integer;
    moment timestamptz;
BEGIN
    -- Rows of orders, then of unseen_orders, then of tenant_streams: everybody locks in this order.
    SELECT * INTO placed FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        DELETE FROM unseen_orders u
        WHERE u.tenant = p_tenant AND u.order_id = p_order_id
          AND NOT EXISTS (SELECT FROM orders o WHERE o.order_id = p_order_id);
        RETURN NULL;
    END IF;
    SELECT * INTO unseen FROM unseen_orders
    WHERE tenant = p_tenant AND event_seq = placed.event_seq AND order_id = p_order_id AND alarm_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF placed.status <> 'pending' THEN
        DELETE FROM unseen_orders WHERE tenant = p_tenant AND event_seq = unseen.event_seq;
        RETURN NULL;
    END IF;
    IF unseen.seen_at IS NOT NULL THEN
        IF NOT p_ends THEN
            RETURN NULL;
        END IF;
        DELETE FROM unseen_orders WHERE tenant = p_tenant AND event_seq = unseen.event_seq;
        UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
        RETURN append_event(
            p_tenant, stream.epoch, stream.seq, 'order_acknowledged',
            '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(placed.order_seq) || '","'
            || CASE WHEN EXISTS (SELECT FROM terminals t WHERE t.terminal_id = unseen.seen_by)
                    THEN 'terminalId' ELSE 'webhookId' END
            || '":"' || unseen.seen_by || '","waitedSeconds":'
            || greatest(0, floor(extract(epoch FROM unseen.seen_at - unseen.counts_from)))::bigint
            || ',"attempts":' || unseen.attempt || '}'
        );
    END IF;
    SELECT * INTO STRICT shop FROM tenants WHERE tenant = p_tenant;
    SELECT due, next_at INTO due_now, moment FROM alarm_due(
        unseen.counts_from, shop.ack_deadline_seconds, shop.alarm_repeats, unseen.attempt, clock_timestamp()
    );
    UPDATE unseen_orders SET attempt = coalesce(due_now, attempt), alarm_at = moment
    WHERE tenant = p_tenant AND event_seq = unseen.event_seq;
    IF due_now IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE orders SET alarmed_at = clock_timestamp(), alarm_attempt = due_now WHERE order_id = p_order_id;
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
    RETURN append_event(
        p_tenant, stream.epoch, stream.seq, 'order_unacknowledged',
        '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(placed.order_seq)
        || '","orderOffset":"' || placed.event_epoch || '-' || placed.event_seq
        || '","waitedSeconds":' || floor(extract(epoch FROM clock_timestamp() - unseen.counts_from))::bigint
        || ',"attempt":' || due_now || '}'
    );
END $$;

-- As pods of the version before call it. They do not know the event that ends an alarm, and leave it to the others.
CREATE OR REPLACE FUNCTION alarm_order(p_tenant text, p_order_id uuid) RETURNS committed_event
LANGUAGE sql AS $$ SELECT advance_alarm(p_tenant, p_order_id, false) $$;

-- Look anew at what is due of a tenant's alarms, by its settings as they are now.
CREATE FUNCTION rearm_alarms(p_tenant text) RETURNS void
LANGUAGE sql AS $$
    UPDATE unseen_orders u SET alarm_at = (
        SELECT CASE WHEN a.due IS NULL THEN a.next_at ELSE clock_timestamp() END
        FROM alarm_due(u.counts_from, t.ack_deadline_seconds, t.alarm_repeats, u.attempt, clock_timestamp()) a
    )
    FROM tenants t WHERE t.tenant = p_tenant AND u.tenant = p_tenant AND u.seen_at IS NULL
$$;

-- The receipts of an order: for each terminal, and each webhook that counts, when it first had it. In single values, since
-- a whole row would be put together again for each comparison.
CREATE FUNCTION receipts_at(
    p_order uuid, p_tenant text, p_seq bigint, p_epoch integer, p_stations text[], p_categories text[],
    p_created timestamptz
) RETURNS TABLE (terminal_id uuid, webhook_id uuid, name text, acked_at timestamptz, by text)
LANGUAGE sql STABLE AS $$
    (
        SELECT DISTINCT ON (d.terminal_id) d.terminal_id, NULL::uuid, d.name, a.acked_at, a.by
        FROM terminals d CROSS JOIN LATERAL (
            -- A reading covers what lies between its ends; when that was, its first piece behind the order says.
            SELECT c.acked_at, 'stream' AS by
            FROM readings r CROSS JOIN LATERAL (
                SELECT c.acked_at FROM coverage c
                WHERE c.terminal_id = r.terminal_id AND c.reading_id = r.reading_id AND c.stretch = r.stretch
                  AND c.to_seq >= p_seq AND c.from_seq < p_seq AND c.epoch >= p_epoch
                ORDER BY c.to_seq LIMIT 1
            ) c
            WHERE r.terminal_id = d.terminal_id AND r.from_seq < p_seq AND r.covered_seq >= p_seq
              AND reading_passes(r.types, r.stations, r.categories, p_stations, p_categories)
            UNION ALL
            SELECT l.acked_at, l.by FROM order_receipts l
            WHERE l.order_id = p_order AND l.receiver = d.terminal_id AND l.by = 'list'
            UNION ALL
            -- An order from before keeps the receipts that it had.
            SELECT b.acked_at, 'stream' FROM terminal_acks b
            WHERE p_created < receipts_since() AND b.terminal_id = d.terminal_id
              AND b.acked_seq >= p_seq AND b.acked_at < receipts_since()
        ) a
        WHERE d.tenant = p_tenant
        ORDER BY d.terminal_id, a.acked_at
    ) UNION ALL
    SELECT NULL, l.receiver, NULL, l.acked_at, l.by FROM order_receipts l
    WHERE l.order_id = p_order AND l.by = 'webhook'
$$;

CREATE OR REPLACE FUNCTION receipts_of(p_order orders)
RETURNS TABLE (terminal_id uuid, webhook_id uuid, name text, acked_at timestamptz, by text)
LANGUAGE sql STABLE AS $$
    SELECT * FROM receipts_at(
        p_order.order_id, p_order.tenant, p_order.event_seq, p_order.event_epoch, p_order.stations, p_order.categories,
        p_order.created_at
    )
$$;

-- Whether a receipt counts where a tenant's `alarm_roles` are these: all do where there are none. A terminal without a
-- role is in no list; a webhook's is in one that holds `webhook`.
CREATE FUNCTION receipt_counts(p_roles text[], p_role text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_roles IS NULL OR coalesce(p_role = ANY (p_roles), false)
$$;

-- The pending orders of a tenant that anybody has a receipt of, with the first one that counts by its roles as they are
-- now; nulls where none does.
CREATE FUNCTION weigh_receipts(p_tenant text) RETURNS TABLE (event_seq bigint, receiver uuid, acked_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT o.event_seq,
           (array_agg(coalesce(r.terminal_id, r.webhook_id) ORDER BY r.acked_at) FILTER (WHERE c.counts))[1],
           min(r.acked_at) FILTER (WHERE c.counts)
    FROM tenants n JOIN orders o ON o.tenant = n.tenant
    CROSS JOIN LATERAL receipts_at(
        o.order_id, o.tenant, o.event_seq, o.event_epoch, o.stations, o.categories, o.created_at
    ) r
    LEFT JOIN terminals t ON t.terminal_id = r.terminal_id
    CROSS JOIN LATERAL (
        SELECT receipt_counts(n.alarm_roles, CASE WHEN r.webhook_id IS NULL THEN t.role ELSE 'webhook' END) AS counts
    ) c
    WHERE n.tenant = p_tenant AND o.status = 'pending' AND o.event_seq IS NOT NULL
    GROUP BY o.event_seq
$$;

-- Look anew at who has seen a tenant's pending orders: those that only others than its roles have are unseen again, those
-- that somebody of them has are seen. An order that ever left `pending` is a person's, and is left alone.
CREATE FUNCTION recount_receipts(p_tenant text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Behind these locks every receipt and every end of an alarm is either there to be read, or will be judged by the new
    -- roles; each statement below reads anew.
    PERFORM FROM terminals WHERE tenant = p_tenant ORDER BY terminal_id FOR NO KEY UPDATE;
    PERFORM FROM webhook_endpoints WHERE tenant = p_tenant AND counts ORDER BY endpoint_id FOR NO KEY UPDATE;
    PERFORM FROM orders WHERE tenant = p_tenant AND status = 'pending' AND event_seq IS NOT NULL
    ORDER BY event_seq FOR NO KEY UPDATE;
    WITH receipts AS MATERIALIZED (
        SELECT * FROM weigh_receipts(p_tenant)
    ), back AS (
        INSERT INTO unseen_orders (
            tenant, event_seq, event_epoch, order_id, placed_at, counts_from, attempt, stations, categories
        )
        SELECT o.tenant, o.event_seq, o.event_epoch, o.order_id, o.created_at, o.created_at,
               greatest(o.alarm_attempt, (o.alarmed_at IS NOT NULL)::integer), o.stations, o.categories
        FROM receipts r JOIN orders o ON o.tenant = p_tenant AND o.event_seq = r.event_seq
        WHERE r.receiver IS NULL
          AND NOT EXISTS (SELECT FROM unseen_orders u WHERE u.tenant = o.tenant AND u.event_seq = o.event_seq)
          AND NOT EXISTS (SELECT FROM order_status_history h WHERE h.order_id = o.order_id AND h.position > 1)
    ), changed AS MATERIALIZED (
        SELECT u.event_seq, r.receiver, r.acked_at
        FROM receipts r JOIN unseen_orders u ON u.tenant = p_tenant AND u.event_seq = r.event_seq
        WHERE (u.seen_at IS NULL) = (r.receiver IS NOT NULL)
    ), gone AS (
        DELETE FROM unseen_orders u USING changed c
        WHERE u.tenant = p_tenant AND u.event_seq = c.event_seq AND u.attempt = 0
    )
    UPDATE unseen_orders u SET seen_by = c.receiver, seen_at = c.acked_at, alarm_at = clock_timestamp()
    FROM changed c WHERE u.tenant = p_tenant AND u.event_seq = c.event_seq AND u.attempt > 0;
END $$;

-- Whoever changes these settings, by whichever statement, changes what is unseen and due in the same transaction.
CREATE FUNCTION tenant_alarms_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.alarm_roles IS DISTINCT FROM OLD.alarm_roles THEN
        PERFORM recount_receipts(NEW.tenant);
    END IF;
    PERFORM rearm_alarms(NEW.tenant);
    RETURN NULL;
END $$;
CREATE TRIGGER tenants_alarms_changed AFTER UPDATE OF alarm_roles, alarm_repeats, ack_deadline_seconds ON tenants
    FOR EACH ROW WHEN (
        (NEW.alarm_roles, NEW.alarm_repeats, NEW.ack_deadline_seconds)
        IS DISTINCT FROM (OLD.alarm_roles, OLD.alarm_repeats, OLD.ack_deadline_seconds)
    ) EXECUTE FUNCTION tenant_alarms_changed();

-- Say whose acks count for a tenant's alarms: null is everybody's. False when there is no such tenant.
CREATE FUNCTION set_alarm_roles(p_tenant text, p_roles text[]) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tenants SET alarm_roles = p_roles WHERE tenant = p_tenant;
    RETURN FOUND;
END $$;

-- Orders that a terminal was shown by a list, as before. The terminal is locked first, as by every other ack.
CREATE OR REPLACE FUNCTION see_orders(
    p_tenant text, p_terminal uuid, p_orders uuid[], OUT unknown uuid[], OUT waited double precision[]
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT array_agg(a.order_id) INTO unknown FROM unnest(p_orders) AS a (order_id)
    WHERE NOT EXISTS (SELECT FROM orders o WHERE o.tenant = p_tenant AND o.order_id = a.order_id);
    IF unknown IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM FROM terminals WHERE terminal_id = p_terminal FOR NO KEY UPDATE;
    INSERT INTO order_receipts (order_id, receiver, by)
    SELECT DISTINCT a.order_id, p_terminal, 'list' FROM unnest(p_orders) AS a (order_id)
    ON CONFLICT DO NOTHING;
    WITH seen AS (
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at
        FROM orders o
        JOIN unseen_orders u ON u.tenant = o.tenant AND u.event_seq = o.event_seq
        JOIN terminals t ON t.terminal_id = p_terminal
        JOIN tenants s ON s.tenant = o.tenant
        WHERE o.tenant = p_tenant AND o.order_id = ANY (p_orders) AND u.seen_at IS NULL
          AND receipt_counts(s.alarm_roles, t.role)
        ORDER BY u.tenant, u.event_seq FOR UPDATE OF u
    ), gone AS (
        DELETE FROM unseen_orders u USING seen
        WHERE u.tenant = seen.tenant AND u.event_seq = seen.event_seq AND seen.attempt = 0
    ), told AS (
        UPDATE unseen_orders u SET seen_by = p_terminal, seen_at = clock_timestamp(), alarm_at = clock_timestamp()
        FROM seen
        WHERE u.tenant = seen.tenant AND u.event_seq = seen.event_seq AND seen.attempt > 0
    )
    SELECT array_agg(extract(epoch FROM clock_timestamp() - placed_at)::float8) INTO waited FROM seen;
END $$;

-- A webhook endpoint's cursor moves to (p_epoch, p_seq). `p_order`: its 2xx was for the `new_order` that is there; where
-- the endpoint counts, that is the receipt of exactly that order. Generation null: the turn is another pod's, or the
-- endpoint is gone or off. `waited` as advance_readings returns it.
CREATE FUNCTION advance_endpoint(
    p_endpoint uuid, p_lease uuid, p_epoch integer, p_seq bigint, p_lease_seconds double precision, p_outcome text,
    p_order boolean, OUT generation integer, OUT rotating boolean, OUT waited double precision
) LANGUAGE plpgsql AS $$
DECLARE
    moved webhook_endpoints;
BEGIN
    UPDATE webhook_endpoints e
    SET epoch = p_epoch, seq = p_seq, failures = 0,
        leased_until = clock_timestamp() + make_interval(secs => p_lease_seconds),
        last_attempt_at = CASE WHEN p_outcome IS NULL THEN e.last_attempt_at ELSE clock_timestamp() END,
        last_outcome = coalesce(p_outcome, e.last_outcome)
    WHERE e.endpoint_id = p_endpoint AND e.lease = p_lease AND e.disabled_at IS NULL
    RETURNING * INTO moved;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    generation := moved.generation;
    rotating := coalesce(moved.previous_until > clock_timestamp(), false);
    IF NOT (moved.counts AND p_order) THEN
        RETURN;
    END IF;
    INSERT INTO order_receipts (order_id, receiver, by)
    SELECT o.order_id, p_endpoint, 'webhook' FROM orders o
    WHERE o.tenant = moved.tenant AND o.event_seq = p_seq AND o.event_epoch = p_epoch
    ON CONFLICT DO NOTHING;
    WITH seen AS (
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at
        FROM unseen_orders u JOIN tenants n ON n.tenant = u.tenant
        WHERE u.tenant = moved.tenant AND u.event_seq = p_seq AND u.event_epoch = p_epoch AND u.seen_at IS NULL
          AND receipt_counts(n.alarm_roles, 'webhook')
        FOR UPDATE OF u
    ), gone AS (
        DELETE FROM unseen_orders u USING seen s
        WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND s.attempt = 0
    ), told AS (
        UPDATE unseen_orders u SET seen_by = p_endpoint, seen_at = clock_timestamp(), alarm_at = clock_timestamp()
        FROM seen s WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND s.attempt > 0
    )
    SELECT extract(epoch FROM clock_timestamp() - placed_at)::float8 INTO waited FROM seen;
END $$;

-- An order that had its alarm has had the attempts that lie behind; those that are ahead come.
UPDATE unseen_orders u SET (attempt, alarm_at) = (
    SELECT coalesce(a.due, u.attempt), a.next_at
    FROM alarm_due(u.counts_from, t.ack_deadline_seconds, t.alarm_repeats, u.attempt, clock_timestamp()) a
)
FROM tenants t WHERE t.tenant = u.tenant AND u.attempt > 0 AND u.alarm_at IS NULL AND u.seen_at IS NULL;
