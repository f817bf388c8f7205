-- release: 0.2.0
-- phase: pre
--
-- The same answers for less, as in 0070: a function of SQL that looks into a table is planned anew by each transaction that
-- calls it from PL/pgSQL, and made ready anew for each row in a query.
-- See docs/decisions/0165-planned-once.md.

-- Called by each step, for who took it (0061).
CREATE OR REPLACE FUNCTION by_json(p_made_by text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_made_by LIKE 'term/%' THEN
        RETURN coalesce((
            SELECT '{"kind":"term","terminalId":"' || t.terminal_id || '","name":' || to_json(t.name) || '}'
            FROM terminals t WHERE t.terminal_id = split_part(p_made_by, '/', 2)::uuid
        ), 'null');
    END IF;
    RETURN CASE
        WHEN p_made_by LIKE 'store/%' THEN '{"kind":"store"}'
        WHEN p_made_by LIKE 'op/%' THEN '{"kind":"op"}'
        WHEN p_made_by IS NOT NULL THEN '{"kind":"system"}'
        ELSE 'null'
    END;
END $$;

-- Called some times for each connection that begins, and for each that is told of (0014).
CREATE OR REPLACE FUNCTION epoch_bound(p_tenant text, p_epoch integer, p_now_epoch integer, p_seq bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_epoch = p_now_epoch THEN
        RETURN p_seq;
    ELSIF p_epoch > p_now_epoch THEN
        RETURN 0;
    END IF;
    RETURN coalesce((SELECT min(fork_seq) FROM stream_forks WHERE tenant = p_tenant AND epoch > p_epoch), 0);
END $$;

-- Asked by each write that takes a position (0070): one row is looked up, and the rest is compared without a query.
CREATE OR REPLACE FUNCTION settled_epoch() RETURNS integer
LANGUAGE plpgsql STABLE AS $$
DECLARE
    newest integer;
    its_timeline text;
    its_system bigint;
    is_here boolean;
BEGIN
    SELECT e.epoch, e.timeline, e.system_identifier, e.table_oid = e.tableoid
    INTO newest, its_timeline, its_system, is_here
    FROM cluster_epochs e ORDER BY e.epoch DESC LIMIT 1;
    RETURN CASE
        WHEN its_timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
            AND its_system = (pg_control_system()).system_identifier AND is_here THEN newest
    END;
END $$;

-- As it is (0068), but for its plans. What it asks, and settle_tails behind it, is asked of lists; the server plans for a
-- list's length, and takes that of a plan that is kept for ten. An ack over HTTP brings one, and so was planned anew: some
-- half of a millisecond for each.
ALTER FUNCTION advance_readings(
    uuid[], integer[], integer[], bigint[], bigint[], bigint[], double precision[], double precision[], integer[]
) SET plan_cache_mode = 'force_generic_plan';

-- Of each order that has been seen at one of its stations (0068, 0082).
CREATE OR REPLACE FUNCTION station_waits(p_tenant text, p_stations text[], p_categories text[], p_seen text[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
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
    );
END $$;

CREATE OR REPLACE FUNCTION stations_of_receivers(p_of text[], p_seq bigint, p_receivers uuid[]) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT x FROM unnest(p_of) x
        WHERE EXISTS (
            SELECT FROM readings r
            WHERE r.terminal_id = ANY (p_receivers) AND x = ANY (r.stations)
              AND (r.sent_seq >= p_seq OR reading_is_there(r))
        ) OR EXISTS (
            SELECT FROM webhook_endpoints e WHERE e.endpoint_id = ANY (p_receivers) AND x = ANY (e.stations)
        )
    );
END $$;

-- Of each of a terminal's connections, where it says that it saw orders in a list (0082).
CREATE OR REPLACE FUNCTION reading_is_there(p_reading readings) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_reading.ended_at IS NULL AND CASE
        WHEN p_reading.door = 'polling' THEN coalesce(
            p_reading.polled_at > clock_timestamp() - interval '45 seconds', false
        )
        ELSE EXISTS (
            SELECT FROM terminals t JOIN gateways g ON g.gateway = p_reading.gateway
            WHERE t.terminal_id = p_reading.terminal_id AND t.connection_id = p_reading.reading_id
              AND g.renewed_at > clock_timestamp() - interval '10 seconds'
        )
    END;
END $$;

-- Called by each payment and refund that an order's answer names (0073).
CREATE OR REPLACE FUNCTION writer_json(p_made_by text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_made_by LIKE 'term/%' THEN
        RETURN coalesce((
            SELECT '{"kind":"term","terminalId":"' || m.terminal_id || '","name":' || to_json(m.name) || '}'
            FROM terminals m WHERE m.terminal_id = split_part(p_made_by, '/', 2)::uuid
        ), 'null');
    ELSIF p_made_by LIKE '%/%/%' THEN
        RETURN '{"kind":"' || split_part(p_made_by, '/', 1) || '","keyId":"' || split_part(p_made_by, '/', 3) || '"}';
    END IF;
    RETURN 'null';
END $$;

-- Of an order that is refused a step (0061).
CREATE OR REPLACE FUNCTION standing_json(p_order orders) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '{"status":"' || p_order.status || '","by":' || by_json(h.made_by) || ',"at":"' || rfc3339(h.changed_at) || '"}'
        FROM order_status_history h WHERE h.order_id = p_order.order_id ORDER BY h.position DESC LIMIT 1
    );
END $$;

-- Of each order that is read (0057).
CREATE OR REPLACE FUNCTION order_paid_cents(p_tenant text, p_order_id uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce((
            SELECT sum(p.amount_cents) FROM order_payments p WHERE p.order_id = p_order_id AND p.status = 'paid'
        ), 0)::bigint - coalesce((
            SELECT sum(t.amount_cents) FROM pos_gift_card_transactions t
            WHERE t.tenant = p_tenant AND lower(t.order_id) = p_order_id::text
        ), 0)::bigint - coalesce((
            SELECT sum(r.amount_cents) FROM order_refunds r WHERE r.order_id = p_order_id
        ), 0)::bigint
    );
END $$;

-- Of each change of points, and each order that earns some (0044, 0061).
CREATE OR REPLACE FUNCTION account_of(p_tenant text, p_digits text) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        WITH RECURSIVE chain AS (
            SELECT customer_id, joined_to FROM loyalty_accounts WHERE tenant = p_tenant AND phone = p_digits
            UNION ALL
            SELECT a.customer_id, a.joined_to FROM chain c JOIN loyalty_accounts a ON a.customer_id = c.joined_to
        )
        SELECT customer_id FROM chain WHERE joined_to IS NULL
    );
END $$;

CREATE OR REPLACE FUNCTION account_behind(p_customer_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        WITH RECURSIVE chain AS (
            SELECT customer_id, joined_to FROM loyalty_accounts WHERE customer_id = p_customer_id
            UNION ALL
            SELECT a.customer_id, a.joined_to FROM chain c JOIN loyalty_accounts a ON a.customer_id = c.joined_to
        )
        SELECT customer_id FROM chain WHERE joined_to IS NULL
    );
END $$;

-- Of each redemption of a card: what of it was not given back yet, and the day where the shop is (0061, 0043).
CREATE OR REPLACE FUNCTION left_of_redemption(p_line pos_gift_card_transactions) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT (-p_line.amount_cents - coalesce(sum(b.amount_cents), 0))::bigint FROM pos_gift_card_transactions b
        WHERE b.gives_back = p_line.transaction_id
    );
END $$;

CREATE OR REPLACE FUNCTION shop_today(p_tenant text) RETURNS date
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT (now() AT TIME ZONE time_zone)::date FROM tenants WHERE tenant = p_tenant);
END $$;

-- Of each claim that is refused (0080).
CREATE OR REPLACE FUNCTION claim_holder(p_claim order_claims) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '"holder":{"terminalId":"' || t.terminal_id || '","name":' || to_json(t.name) || '}'
        FROM terminals t WHERE t.terminal_id = p_claim.terminal_id
    );
END $$;

-- Of each look for due deliveries (0035).
CREATE OR REPLACE FUNCTION first_secret_id() RETURNS bytea
LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT secret_id FROM first_secret); END $$;

-- Of each change of points and of a card (0002): where a member's text is costly to make, it is no part of the caller's.
CREATE OR REPLACE FUNCTION splice_json(p_first text, p_data text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN p_data = '{}' THEN '{' || p_first || '}' ELSE '{' || p_first || ',' || substr(p_data, 2) END;
END $$;

-- The stations and categories of the order that it holds, which the event's writer looked up once more (0061).
CREATE OR REPLACE FUNCTION step_order(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_status text, p_from text[],
    p_reason text, p_ready_at timestamptz
) RETURNS SETOF write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    changed orders;
    stream tenant_streams;
    event committed_event;
    earned bigint := 0;
    last order_status_history;
    lost text;
    members text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN NEXT stored;
        RETURN;
    END IF;
    SELECT * INTO changed FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NEXT idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
        RETURN;
    END IF;
    IF changed.status <> ALL (p_from) THEN
        RETURN NEXT idempotency_keep(p_tenant, p_key, p_fingerprint, 'wrong_step', standing_json(changed), NULL);
        RETURN;
    END IF;
    UPDATE orders SET status = p_status, updated_at = now() WHERE order_id = p_order_id;
    -- Rows of orders, then of unseen_orders, then of tenant_streams: everybody locks in this order.
    IF changed.status = 'pending' AND changed.event_seq IS NOT NULL THEN
        DELETE FROM unseen_orders WHERE tenant = p_tenant AND event_seq = changed.event_seq;
    END IF;
    INSERT INTO order_status_history (order_id, position, status)
    SELECT p_order_id, max(position) + 1, p_status FROM order_status_history WHERE order_id = p_order_id
    RETURNING * INTO last;
    IF p_reason IS NOT NULL OR p_ready_at IS NOT NULL THEN
        INSERT INTO order_step_notes (tenant, order_id, position, reason, ready_at)
        VALUES (p_tenant, p_order_id, last.position, p_reason, p_ready_at);
    END IF;
    members := '"orderId":"' || p_order_id || '","orderNumber":"' || order_number(changed.order_seq)
        || '","status":"' || p_status || '","previousStatus":"' || changed.status || '","by":' || by_json(last.made_by)
        || coalesce(',"reason":' || to_json(p_reason), '')
        || coalesce(',"readyAt":"' || rfc3339(p_ready_at) || '"', '');
    IF p_status = 'completed' THEN
        earned := order_points(changed);
    ELSIF p_status = 'cancelled' THEN
        lost := lock_what_paid(changed);
    END IF;
    IF changed.event_seq IS NOT NULL THEN
        UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
        event := append_event(
            p_tenant, stream.epoch, stream.seq, 'order_updated', '{' || members || '}',
            changed.stations, changed.categories
        );
    END IF;
    RETURN NEXT idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{' || members || coalesce(',"giftCardsNotReturned":[' || lost || ']', '')
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
    stored.outcome := 'ok';
    stored.replayed := false;
    IF earned > 0 THEN
        stored.event := earn_order_points(changed, earned);
        RETURN NEXT stored;
    ELSIF p_status = 'cancelled' THEN
        FOR event IN SELECT * FROM return_what_paid(changed) LOOP
            stored.event := event;
            RETURN NEXT stored;
        END LOOP;
    END IF;
END $$;

-- The same for what is paid and refunded (0073).
CREATE OR REPLACE FUNCTION tell_order_money(p_order orders, p_type text, p_said text) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    stream tenant_streams;
    event committed_event;
BEGIN
    UPDATE orders SET updated_at = now() WHERE order_id = p_order.order_id;
    IF p_order.event_seq IS NOT NULL THEN
        UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_order.tenant RETURNING * INTO STRICT stream;
        event := append_event(
            p_order.tenant, stream.epoch, stream.seq, p_type,
            '{"orderId":"' || p_order.order_id || '","orderNumber":"' || order_number(p_order.order_seq) || '",' || p_said || '}',
            p_order.stations, p_order.categories
        );
    END IF;
    RETURN event;
END $$;

-- As they are (0095), but for a terminal that has never acked: it has no day before which to stop.
CREATE OR REPLACE FUNCTION newest_ack(p_terminal uuid, OUT epoch integer, OUT seq bigint, OUT acked_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    own terminals;
    since timestamptz;
BEGIN
    SELECT * INTO own FROM terminals t WHERE t.terminal_id = p_terminal;
    since := own.acked_at - interval '1 day';
    IF since IS NOT NULL THEN
        SELECT r.epoch, least(r.said_seq, r.sent_seq), r.said_at INTO epoch, seq, acked_at FROM readings r
        WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
          AND coalesce(r.ended_at, 'infinity') >= since
        ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
    END IF;
    IF (acked_at >= since) IS NOT TRUE THEN
        SELECT r.epoch, least(r.said_seq, r.sent_seq), r.said_at INTO epoch, seq, acked_at FROM readings r
        WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
        ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
    END IF;
    IF own.acked_seq IS NOT NULL AND (
        acked_at IS NULL OR (own.acked_at, own.acked_epoch, own.acked_seq) > (acked_at, epoch, seq)
    ) THEN
        epoch := own.acked_epoch;
        seq := own.acked_seq;
        acked_at := own.acked_at;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION newest_ack(
    p_terminal uuid, p_types text[], p_stations text[], p_categories text[], OUT epoch integer, OUT seq bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    since timestamptz;
    found_at timestamptz;
BEGIN
    SELECT t.acked_at - interval '1 day' INTO since FROM terminals t WHERE t.terminal_id = p_terminal;
    IF since IS NOT NULL THEN
        SELECT r.epoch, least(r.said_seq, r.sent_seq), r.said_at INTO epoch, seq, found_at FROM readings r
        WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
          AND coalesce(r.ended_at, 'infinity') >= since
          AND (r.types IS NULL OR r.types @> p_types) AND (r.stations IS NULL OR r.stations @> p_stations)
          AND (r.categories IS NULL OR r.categories @> p_categories)
        ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
    END IF;
    IF found_at >= since THEN
        RETURN;
    END IF;
    SELECT r.epoch, least(r.said_seq, r.sent_seq) INTO epoch, seq FROM readings r
    WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
      AND (r.types IS NULL OR r.types @> p_types) AND (r.stations IS NULL OR r.stations @> p_stations)
      AND (r.categories IS NULL OR r.categories @> p_categories)
    ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
END $$;
