-- release: 0.2.0
-- phase: pre
--
-- A shop may ask that each station of an order sees it: its alarm is forestalled, or ends, when somebody who counts has
-- a receipt, and so has each of the order's stations that has a terminal at that moment. A terminal is of the stations
-- that its stream asks for by name. See docs/decisions/0123-each-station.md.
ALTER TABLE tenants ADD COLUMN alarm_scope text NOT NULL DEFAULT 'any' CHECK (alarm_scope IN ('any', 'each-station'));

-- Of an order that somebody has, and maybe not each of its stations: since when, who was the last, and which stations.
ALTER TABLE unseen_orders
    ADD COLUMN seen_stations text[] NOT NULL DEFAULT '{}',
    ADD COLUMN partly_by uuid,
    ADD COLUMN partly_at timestamptz;

-- The stations of an order, `p_of`, that are among those of before or of now.
CREATE FUNCTION stations_seen(p_of text[], p_before text[], p_now text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    -- Most orders name none.
    IF p_of = '{}' THEN
        RETURN p_of;
    END IF;
    RETURN ARRAY(SELECT x FROM unnest(p_of) x WHERE x = ANY (p_before) OR x = ANY (p_now));
END $$;

-- The stations of an order that those who have it are of: terminals by their streams that came past it or are open,
-- webhook endpoints by what they ask for.
CREATE FUNCTION stations_of_receivers(p_of text[], p_seq bigint, p_receivers uuid[]) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT x FROM unnest(p_of) x
        WHERE EXISTS (
            SELECT FROM readings r
            WHERE r.terminal_id = ANY (p_receivers) AND x = ANY (r.stations)
              AND (r.sent_seq >= p_seq OR r.ended_at IS NULL)
        ) OR EXISTS (
            SELECT FROM webhook_endpoints e WHERE e.endpoint_id = ANY (p_receivers) AND x = ANY (e.stations)
        )
    )
$$;

-- Whether a station of an order that has not seen it has a terminal at this moment whose receipt would count. The seconds
-- are those of backbone/eventlog/presence.py and api/db/status.py.
CREATE FUNCTION station_waits(p_tenant text, p_stations text[], p_categories text[], p_seen text[]) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM readings r
        JOIN terminals t ON t.terminal_id = r.terminal_id
        JOIN tenants n ON n.tenant = r.tenant
        LEFT JOIN gateways g ON g.gateway = r.gateway
        WHERE r.tenant = p_tenant AND r.ended_at IS NULL AND t.revoked_at IS NULL
          AND EXISTS (SELECT FROM unnest(p_stations) x WHERE x = ANY (r.stations) AND x <> ALL (p_seen))
          AND reading_passes(r.types, r.stations, r.categories, p_stations, p_categories)
          AND receipt_counts(n.alarm_roles, t.role)
          AND CASE WHEN r.door = 'polling' THEN r.polled_at > clock_timestamp() - interval '45 seconds'
                   ELSE r.reading_id = t.connection_id AND g.renewed_at > clock_timestamp() - interval '10 seconds' END
    )
$$;

-- Whether an order is still to be seen.
CREATE FUNCTION still_unseen(p_unseen unseen_orders) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_unseen.seen_at IS NOT NULL OR p_unseen.partly_at IS NULL THEN
        RETURN p_unseen.seen_at IS NULL;
    END IF;
    RETURN station_waits(p_unseen.tenant, p_unseen.stations, p_unseen.categories, p_unseen.seen_stations);
END $$;

-- News of readings, as before.
CREATE OR REPLACE FUNCTION advance_readings(
    p_readings uuid[], p_stretches integer[], p_epochs integer[], p_began bigint[], p_sent bigint[], p_said bigint[],
    p_said_ago double precision[], p_ended_ago double precision[], p_codes integer[]
) RETURNS SETOF double precision
LANGUAGE plpgsql AS $$
DECLARE
    locked uuid[];
    fallen uuid[];
    fallen_stretches integer[];
    fallen_epochs integer[];
BEGIN
    SELECT array_agg(terminal_id) INTO locked FROM (
        SELECT t.terminal_id FROM terminals t
        WHERE t.terminal_id IN (SELECT r.terminal_id FROM readings r WHERE r.reading_id = ANY (p_readings))
        ORDER BY t.terminal_id FOR NO KEY UPDATE
    ) t;
    IF 0 < ANY (p_stretches) THEN
        -- A word that came by HTTP is the connection's, whichever of its stretches is stored by then.
        INSERT INTO readings (
            reading_id, stretch, no, tenant, terminal_id, door, gateway, address, agent, types, stations, categories,
            named, tail, epoch, began_seq, from_seq, sent_seq, said_seq, said_at, began_at
        )
        SELECT r.reading_id, w.stretch, r.no, r.tenant, r.terminal_id, r.door, r.gateway, r.address, r.agent, r.types,
               r.stations, r.categories, false, false, s.epoch, least(w.began, b.bound), least(w.began, b.bound),
               least(w.began, b.bound), h.said_seq, h.said_at, clock_timestamp()
        FROM unnest(p_readings, p_stretches, p_epochs, p_began) AS w (reading_id, stretch, epoch, began)
        JOIN readings r ON r.reading_id = w.reading_id AND r.stretch = 0
        JOIN tenant_streams s ON s.tenant = r.tenant
        CROSS JOIN LATERAL (SELECT epoch_bound(r.tenant, w.epoch, s.epoch, s.seq) AS bound) b
        CROSS JOIN LATERAL (
            SELECT max(e.said_seq) AS said_seq, max(e.said_at) AS said_at FROM readings e WHERE e.reading_id = r.reading_id
        ) h
        WHERE w.stretch > 0
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY
    WITH word AS (
        SELECT r.reading_id, r.stretch, r.terminal_id, r.tenant, r.types, r.stations, r.categories, s.epoch,
               r.said_at AS said_before, w.ended_ago, w.code,
               -- What it has of a history that is over reaches to the fork, and no ack of what lay behind counts.
               least(r.began_seq, k.bound) AS began, least(r.from_seq, k.bound) AS since,
               greatest(CASE WHEN r.covered_seq > k.bound THEN k.bound ELSE r.covered_seq END, least(r.from_seq, k.bound)) AS low,
               -- A word without it (an ack over HTTP, a begin that fell) says nothing of how far it came; LEAST would pass over
               -- the null, and say the head.
               CASE WHEN w.sent IS NULL THEN least(r.sent_seq, k.bound)
                    ELSE greatest(least(r.sent_seq, k.bound), least(w.sent, b.bound)) END AS sent,
               greatest(k.said, CASE WHEN w.said <= b.bound THEN w.said END) AS said,
               CASE WHEN w.said <= b.bound AND w.said > coalesce(k.said, -1)
                    THEN clock_timestamp() - make_interval(secs => coalesce(w.said_ago, 0)) END AS said_at
        FROM unnest(p_readings, p_stretches, p_epochs, p_sent, p_said, p_said_ago, p_ended_ago, p_codes)
             AS w (reading_id, stretch, epoch, sent, said, said_ago, ended_ago, code)
        JOIN readings r ON r.reading_id = w.reading_id AND r.stretch = w.stretch
        JOIN tenant_streams s ON s.tenant = r.tenant
        CROSS JOIN LATERAL (SELECT epoch_bound(r.tenant, w.epoch, s.epoch, s.seq) AS bound) b
        CROSS JOIN LATERAL (SELECT epoch_bound(r.tenant, r.epoch, s.epoch, s.seq) AS bound) o
        CROSS JOIN LATERAL (
            SELECT o.bound, CASE WHEN r.said_seq <= o.bound THEN r.said_seq END AS said
        ) k
    ), reach AS (
        SELECT *, CASE WHEN said IS NOT NULL THEN least(said, sent) END AS high,
               coalesce(said_at, said_before, clock_timestamp()) AS acked_at
        FROM word
    ), moved AS (
        UPDATE readings r
        SET epoch = n.epoch, began_seq = n.began, from_seq = n.since, sent_seq = n.sent, said_seq = n.said,
            said_at = coalesce(n.said_at, r.said_at),
            covered_seq = CASE WHEN n.high > n.low THEN n.high WHEN r.covered_seq > n.sent THEN n.sent ELSE r.covered_seq END,
            ended_at = coalesce(r.ended_at, clock_timestamp() - make_interval(secs => n.ended_ago)),
            code = coalesce(r.code, n.code)
        FROM reach n
        WHERE r.reading_id = n.reading_id AND r.stretch = n.stretch
          AND (n.epoch > r.epoch OR n.sent > r.sent_seq OR n.said IS DISTINCT FROM r.said_seq OR n.high > n.low
               OR (n.ended_ago IS NOT NULL AND r.ended_at IS NULL))
        RETURNING n.*
    ), news AS (
        SELECT * FROM moved WHERE high > low
    ), seen AS (
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at, n.terminal_id, n.acked_at, u.stations, u.partly_at,
               s.alarm_scope = 'each-station' AND u.stations <> '{}' AS each,
               CASE WHEN s.alarm_scope = 'each-station'
                    THEN stations_seen(u.stations, u.seen_stations, n.stations) END AS its_stations
        FROM news n
        JOIN unseen_orders u ON u.tenant = n.tenant AND u.event_seq > n.low AND u.event_seq <= n.high
        JOIN terminals t ON t.terminal_id = n.terminal_id
        JOIN tenants s ON s.tenant = n.tenant
        WHERE u.seen_at IS NULL AND u.event_epoch <= n.epoch
          AND (s.alarm_roles IS NULL OR t.role = ANY (s.alarm_roles))
          AND reading_passes(n.types, n.stations, n.categories, u.stations, u.categories)
        ORDER BY u.tenant, u.event_seq, n.acked_at FOR UPDATE OF u
    ), judged AS (
        -- Several may have acked one order; together they may be of all its stations.
        SELECT DISTINCT ON (s.tenant, s.event_seq) s.tenant, s.event_seq, s.attempt, s.terminal_id, s.acked_at, a.stations,
               NOT s.each OR s.stations <@ a.stations AS whole
        FROM seen s CROSS JOIN LATERAL (
            SELECT CASE WHEN s.each THEN ARRAY(
                SELECT DISTINCT x FROM seen o CROSS JOIN unnest(o.its_stations) x
                WHERE o.tenant = s.tenant AND o.event_seq = s.event_seq
            ) END AS stations
        ) a
        ORDER BY s.tenant, s.event_seq, s.acked_at
    ), gone AS (
        DELETE FROM unseen_orders u USING judged j
        WHERE u.tenant = j.tenant AND u.event_seq = j.event_seq AND j.whole AND j.attempt = 0
    ), told AS (
        -- Behind an alarm whoever looks next decides, by the terminals that are there then.
        UPDATE unseen_orders u
        SET seen_by = CASE WHEN j.whole THEN j.terminal_id END, seen_at = CASE WHEN j.whole THEN j.acked_at END,
            seen_stations = coalesce(j.stations, '{}'), partly_by = CASE WHEN NOT j.whole THEN j.terminal_id END,
            partly_at = CASE WHEN NOT j.whole THEN j.acked_at END,
            alarm_at = CASE WHEN j.attempt > 0 THEN clock_timestamp() ELSE u.alarm_at END
        FROM judged j
        WHERE u.tenant = j.tenant AND u.event_seq = j.event_seq AND NOT (j.whole AND j.attempt = 0)
    ), kept AS (
        INSERT INTO coverage (terminal_id, to_seq, reading_id, stretch, from_seq, epoch, acked_at)
        SELECT terminal_id, high, reading_id, stretch, low, epoch, acked_at FROM news
        ON CONFLICT (terminal_id, to_seq, reading_id, stretch)
        DO UPDATE SET from_seq = least(coverage.from_seq, excluded.from_seq)
    )
    SELECT greatest(0, extract(epoch FROM min(acked_at) - placed_at))::float8 FROM seen
    WHERE partly_at IS NULL
    GROUP BY tenant, event_seq, placed_at;
    SELECT array_agg(f.reading_id), array_agg(f.stretch), array_agg(f.epoch)
    INTO fallen, fallen_stretches, fallen_epochs FROM settle_tails(locked) f;
    IF fallen IS NOT NULL THEN
        RETURN QUERY SELECT * FROM advance_readings(
            fallen, fallen_stretches, fallen_epochs, NULL, NULL, NULL, NULL, NULL, NULL
        );
    END IF;
    IF EXISTS (SELECT FROM unnest(p_said) AS s (said) WHERE said IS NOT NULL) THEN
        PERFORM mirror_acks(p_readings);
    END IF;
END $$;

-- Orders that a terminal was shown by a list, as before.
CREATE OR REPLACE FUNCTION see_orders(
    p_tenant text, p_terminal uuid, p_orders uuid[], OUT unknown uuid[], OUT waited double precision[]
) LANGUAGE plpgsql AS $$
DECLARE
    named text[];
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
    -- It is of the stations that its streams ask for.
    SELECT array_agg(DISTINCT x) INTO named FROM readings r CROSS JOIN unnest(r.stations) x
    WHERE r.tenant = p_tenant AND r.terminal_id = p_terminal AND r.ended_at IS NULL;
    WITH seen AS (
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at, u.partly_at, a.stations,
               s.alarm_scope = 'any' OR u.stations <@ a.stations AS whole
        FROM orders o
        JOIN unseen_orders u ON u.tenant = o.tenant AND u.event_seq = o.event_seq
        JOIN terminals t ON t.terminal_id = p_terminal
        JOIN tenants s ON s.tenant = o.tenant
        CROSS JOIN LATERAL (SELECT stations_seen(u.stations, u.seen_stations, named) AS stations) a
        WHERE o.tenant = p_tenant AND o.order_id = ANY (p_orders) AND u.seen_at IS NULL
          AND receipt_counts(s.alarm_roles, t.role)
        ORDER BY u.tenant, u.event_seq FOR UPDATE OF u
    ), gone AS (
        DELETE FROM unseen_orders u USING seen s
        WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND s.whole AND s.attempt = 0
    ), told AS (
        UPDATE unseen_orders u
        SET seen_by = CASE WHEN s.whole THEN p_terminal END, seen_at = CASE WHEN s.whole THEN clock_timestamp() END,
            seen_stations = s.stations, partly_by = CASE WHEN NOT s.whole THEN p_terminal END,
            partly_at = CASE WHEN NOT s.whole THEN clock_timestamp() END,
            alarm_at = CASE WHEN s.attempt > 0 THEN clock_timestamp() ELSE u.alarm_at END
        FROM seen s
        WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND NOT (s.whole AND s.attempt = 0)
    )
    SELECT array_agg(extract(epoch FROM clock_timestamp() - placed_at)::float8) INTO waited FROM seen
    WHERE partly_at IS NULL;
END $$;

-- A webhook endpoint's cursor moves, as before.
CREATE OR REPLACE FUNCTION advance_endpoint(
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
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at, u.partly_at, a.stations,
               n.alarm_scope = 'any' OR u.stations <@ a.stations AS whole
        FROM unseen_orders u JOIN tenants n ON n.tenant = u.tenant
        CROSS JOIN LATERAL (SELECT stations_seen(u.stations, u.seen_stations, moved.stations) AS stations) a
        WHERE u.tenant = moved.tenant AND u.event_seq = p_seq AND u.event_epoch = p_epoch AND u.seen_at IS NULL
          AND receipt_counts(n.alarm_roles, 'webhook')
        FOR UPDATE OF u
    ), gone AS (
        DELETE FROM unseen_orders u USING seen s
        WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND s.whole AND s.attempt = 0
    ), told AS (
        UPDATE unseen_orders u
        SET seen_by = CASE WHEN s.whole THEN p_endpoint END, seen_at = CASE WHEN s.whole THEN clock_timestamp() END,
            seen_stations = s.stations, partly_by = CASE WHEN NOT s.whole THEN p_endpoint END,
            partly_at = CASE WHEN NOT s.whole THEN clock_timestamp() END,
            alarm_at = CASE WHEN s.attempt > 0 THEN clock_timestamp() ELSE u.alarm_at END
        FROM seen s
        WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND NOT (s.whole AND s.attempt = 0)
    )
    SELECT extract(epoch FROM clock_timestamp() - placed_at)::float8 INTO waited FROM seen WHERE partly_at IS NULL;
END $$;

-- The next step in the life of an order's alarm, as before.
CREATE OR REPLACE FUNCTION advance_alarm(p_tenant text, p_order_id uuid, p_ends boolean) RETURNS committed_event
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
    IF unseen.seen_at IS NULL AND NOT still_unseen(unseen) THEN
        -- Somebody has it, and so has each station that has a terminal at this moment.
        IF unseen.attempt = 0 THEN
            DELETE FROM unseen_orders WHERE tenant = p_tenant AND event_seq = unseen.event_seq;
            RETURN NULL;
        END IF;
        unseen.seen_by := unseen.partly_by;
        unseen.seen_at := unseen.partly_at;
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

-- The pending orders of a tenant that anybody has a receipt of, with the first one that counts, as before, and which of
-- their stations have it. `whole`: by the tenant's roles and scope as they are now it is seen.
DROP FUNCTION weigh_receipts(text);
CREATE FUNCTION weigh_receipts(p_tenant text)
RETURNS TABLE (event_seq bigint, receiver uuid, acked_at timestamptz, stations text[], whole boolean)
LANGUAGE sql STABLE AS $$
    SELECT w.event_seq, w.receiver, w.acked_at, w.stations,
           w.receiver IS NOT NULL AND (NOT w.each OR w.its_stations <@ w.stations)
    FROM (
        SELECT o.event_seq, o.stations AS its_stations, n.alarm_scope = 'each-station' AS each,
               (array_agg(coalesce(r.terminal_id, r.webhook_id) ORDER BY r.acked_at) FILTER (WHERE c.counts))[1]
                   AS receiver,
               min(r.acked_at) FILTER (WHERE c.counts) AS acked_at,
               CASE WHEN n.alarm_scope = 'each-station' THEN stations_of_receivers(
                   o.stations, o.event_seq,
                   array_agg(coalesce(r.terminal_id, r.webhook_id)) FILTER (WHERE c.counts)
               ) ELSE '{}' END AS stations
        FROM tenants n JOIN orders o ON o.tenant = n.tenant
        CROSS JOIN LATERAL receipts_at(
            o.order_id, o.tenant, o.event_seq, o.event_epoch, o.stations, o.categories, o.created_at
        ) r
        LEFT JOIN terminals t ON t.terminal_id = r.terminal_id
        CROSS JOIN LATERAL (
            SELECT receipt_counts(n.alarm_roles, CASE WHEN r.webhook_id IS NULL THEN t.role ELSE 'webhook' END) AS counts
        ) c
        WHERE n.tenant = p_tenant AND o.status = 'pending' AND o.event_seq IS NOT NULL
        GROUP BY o.order_id, o.event_seq, o.stations, n.alarm_scope
    ) w
$$;

-- Look anew at who has seen a tenant's pending orders, as before.
CREATE OR REPLACE FUNCTION recount_receipts(p_tenant text) RETURNS void
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
            tenant, event_seq, event_epoch, order_id, placed_at, counts_from, attempt, stations, categories,
            seen_stations, partly_by, partly_at
        )
        SELECT o.tenant, o.event_seq, o.event_epoch, o.order_id, o.created_at, coalesce(o.due_at, o.created_at),
               greatest(o.alarm_attempt, (o.alarmed_at IS NOT NULL)::integer), o.stations, o.categories, r.stations,
               r.receiver, r.acked_at
        FROM receipts r JOIN orders o ON o.tenant = p_tenant AND o.event_seq = r.event_seq
        WHERE NOT r.whole
          AND NOT EXISTS (SELECT FROM unseen_orders u WHERE u.tenant = o.tenant AND u.event_seq = o.event_seq)
          AND NOT EXISTS (SELECT FROM order_status_history h WHERE h.order_id = o.order_id AND h.position > 1)
    ), changed AS MATERIALIZED (
        SELECT u.event_seq, r.receiver, r.acked_at, r.stations, r.whole
        FROM receipts r JOIN unseen_orders u ON u.tenant = p_tenant AND u.event_seq = r.event_seq
        WHERE (u.seen_at IS NULL) = r.whole OR NOT r.whole
    ), gone AS (
        DELETE FROM unseen_orders u USING changed c
        WHERE u.tenant = p_tenant AND u.event_seq = c.event_seq AND c.whole AND u.attempt = 0
    )
    UPDATE unseen_orders u
    SET seen_by = CASE WHEN c.whole THEN c.receiver END, seen_at = CASE WHEN c.whole THEN c.acked_at END,
        seen_stations = c.stations, partly_by = CASE WHEN NOT c.whole THEN c.receiver END,
        partly_at = CASE WHEN NOT c.whole THEN c.acked_at END,
        alarm_at = CASE WHEN u.attempt > 0 THEN clock_timestamp() ELSE u.alarm_at END
    FROM changed c WHERE u.tenant = p_tenant AND u.event_seq = c.event_seq AND NOT (c.whole AND u.attempt = 0);
END $$;

CREATE OR REPLACE FUNCTION tenant_alarms_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.alarm_roles, NEW.alarm_scope) IS DISTINCT FROM (OLD.alarm_roles, OLD.alarm_scope) THEN
        PERFORM recount_receipts(NEW.tenant);
    END IF;
    PERFORM rearm_alarms(NEW.tenant);
    RETURN NULL;
END $$;
DROP TRIGGER tenants_alarms_changed ON tenants;
CREATE TRIGGER tenants_alarms_changed
    AFTER UPDATE OF alarm_roles, alarm_scope, alarm_repeats, ack_deadline_seconds ON tenants
    FOR EACH ROW WHEN (
        (NEW.alarm_roles, NEW.alarm_scope, NEW.alarm_repeats, NEW.ack_deadline_seconds)
        IS DISTINCT FROM (OLD.alarm_roles, OLD.alarm_scope, OLD.alarm_repeats, OLD.ack_deadline_seconds)
    ) EXECUTE FUNCTION tenant_alarms_changed();
