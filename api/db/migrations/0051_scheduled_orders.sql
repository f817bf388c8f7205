-- release: 0.2.0
-- phase: pre
--
-- An order may have its sender's own id, which names one order of its source for ever; a time for which it is wanted; and
-- what was paid for it. See docs/decisions/0116-external-ids.md and docs/decisions/0117-due-orders.md.
ALTER TABLE orders
    ADD COLUMN external_id text COLLATE "C",
    ADD COLUMN scheduled_for timestamptz,
    -- deadlines count from there; null: from the moment of placing
    ADD COLUMN due_at timestamptz;
ALTER TABLE tenants ADD COLUMN preparation_minutes integer NOT NULL DEFAULT 0;

-- A payment of an order, as its sender or a till said it.
CREATE TABLE order_payments (
    payment_id   uuid PRIMARY KEY,
    tenant       text NOT NULL REFERENCES tenants,
    order_id     uuid NOT NULL REFERENCES orders,
    position     integer NOT NULL,
    method       text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents >= 0),
    status       text NOT NULL CHECK (status IN ('due', 'authorized', 'paid')),
    reference    text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    made_by      text DEFAULT written_by(),
    UNIQUE (order_id, position)
);

-- The sum that was paid for an order: by payments that are `paid`, and by gift cards, less what these were given back.
CREATE FUNCTION order_paid_cents(p_tenant text, p_order_id uuid) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT sum(p.amount_cents) FROM order_payments p WHERE p.order_id = p_order_id AND p.status = 'paid'
    ), 0)::bigint - coalesce((
        SELECT sum(t.amount_cents) FROM pos_gift_card_transactions t
        WHERE t.tenant = p_tenant AND lower(t.order_id) = p_order_id::text
    ), 0)::bigint
$$;

-- The payments of an order as answers say them.
CREATE FUNCTION order_payments_json(p_order_id uuid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce('[' || string_agg(
        '{"method":' || to_json(method) || ',"amount":' || json_cents(amount_cents) || ',"status":"' || status || '"'
        || coalesce(',"reference":' || to_json(reference), '') || '}', ',' ORDER BY position
    ) || ']', '[]')
    FROM order_payments WHERE order_id = p_order_id
$$;

-- An order as before. One whose `p_external_id` another order of its source has is the outcome `external_id_taken`, with
-- that one, and is not kept: the first may have moved on by the next time that somebody asks. `p_payments` is a JSON array
-- of {method, cents, status, reference}.
DROP FUNCTION take_order(
    text, text, bytea, uuid, text, text, text, text, text, text, text, bigint, text, text[], integer[], bigint[], text[],
    integer[], bigint[], text[], text[], text[], text, integer, text[], boolean
);
CREATE FUNCTION take_order(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_order_id uuid, p_source text, p_source_key text, p_order_type text,
    p_customer_name text, p_customer_phone text, p_customer_email text, p_special_instructions text,
    p_total_cents bigint, p_total text,
    p_names text[], p_quantities integer[], p_unit_prices bigint[], p_notes text[],
    p_quantities_milli integer[], p_lines bigint[], p_more text[],
    p_stations text[], p_categories text[], p_detail text, p_weight integer, p_external_id text,
    p_scheduled_for timestamptz, p_payments text, p_forms text[],
    p_lenient boolean DEFAULT false
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    deadline integer;
    preparation interval;
    scheduled timestamptz := greatest(p_scheduled_for, now());
    due timestamptz := now();
    added jsonb;
    known text;
    broadcasts boolean := p_source_key = 'online';
    stream tenant_streams;
    event committed_event;
    first orders;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    SELECT ack_deadline_seconds, order_sources, make_interval(mins => preparation_minutes)
    INTO deadline, added, preparation
    FROM tenants WHERE tenant = p_tenant;
    IF p_scheduled_for IS NULL THEN
        scheduled := NULL;
    ELSE
        due := greatest(scheduled - preparation, now());
    END IF;
    IF broadcasts THEN
        known := 'online';
    ELSE
        SELECT s.name, s.broadcast INTO known, broadcasts FROM sources_of(added) s
        WHERE s.key = p_source_key OR s.name = p_source ORDER BY s.key = p_source_key DESC LIMIT 1;
        IF known IS NULL AND p_lenient THEN
            UPDATE tenants SET order_sources = order_sources
                || jsonb_build_object('key', p_source_key, 'name', p_source, 'broadcast', false)
            WHERE tenant = p_tenant
              AND NOT EXISTS (SELECT FROM sources_of(order_sources) s WHERE s.key = p_source_key);
            known := p_source;
            broadcasts := false;
        END IF;
        IF known IS NULL THEN
            stored.outcome := 'unknown_source';
            stored.replayed := false;
            SELECT json_build_object('sources', json_agg(s.name))::text INTO stored.result FROM sources_of(added) s;
            RETURN stored;
        END IF;
    END IF;
    IF p_external_id IS NOT NULL THEN
        -- Looked at behind the lock that every order of the tenant takes: nobody else can be about to write it, so no
        -- other order of a shared commit has to fail for it.
        PERFORM FROM tenant_streams WHERE tenant = p_tenant FOR NO KEY UPDATE;
        SELECT * INTO first FROM orders
        WHERE tenant = p_tenant AND external_id = p_external_id AND lower(source) = lower(known);
        IF FOUND THEN
            stored.outcome := 'external_id_taken';
            stored.replayed := false;
            stored.result := '{"orderId":"' || first.order_id || '","orderNumber":"' || order_number(first.order_seq)
                || '","status":"' || first.status || '"}';
            RETURN stored;
        END IF;
    END IF;
    UPDATE tenant_streams
    SET order_seq = order_seq + 1, seq = seq + broadcasts::integer
    WHERE tenant = p_tenant
    RETURNING * INTO STRICT stream;
    IF broadcasts THEN
        event := append_event(
            p_tenant, stream.epoch, stream.seq, 'new_order',
            fitting_data(
                p_tenant, stream.epoch, stream.seq, 'new_order',
                '"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq)
                || '","orderSource":' || to_json(known)::text || ',"dueAt":"' || rfc3339(due) || '"'
                || coalesce(',"scheduledFor":"' || rfc3339(scheduled) || '"', ''),
                p_forms
            )
        );
        INSERT INTO unseen_orders (
            tenant, event_seq, event_epoch, order_id, placed_at, counts_from, alarm_at, stations, categories
        ) VALUES (
            p_tenant, stream.seq, stream.epoch, p_order_id, now(), due, due + make_interval(secs => deadline),
            p_stations, p_categories
        );
    END IF;
    INSERT INTO orders (
        order_id, tenant, order_seq, source, order_type, customer_name, customer_phone, customer_email,
        special_instructions, total_cents, event_epoch, event_seq, stations, categories, detail, weight,
        external_id, scheduled_for, due_at
    ) VALUES (
        p_order_id, p_tenant, stream.order_seq, known, p_order_type, p_customer_name, p_customer_phone,
        p_customer_email, p_special_instructions, p_total_cents, event.epoch, event.seq, p_stations, p_categories,
        p_detail::json, p_weight, p_external_id, scheduled, nullif(due, now())
    );
    INSERT INTO order_items (order_id, position, name, quantity, unit_price_cents, notes, quantity_milli, line_cents, more)
    SELECT p_order_id, item.position, item.name, item.quantity, item.unit_price, item.notes,
           nullif(item.quantity_milli, item.quantity * 1000), item.line, item.more::json
    FROM unnest(p_names, p_quantities, p_unit_prices, p_notes, p_quantities_milli, p_lines, p_more)
         WITH ORDINALITY AS item (name, quantity, unit_price, notes, quantity_milli, line, more, position);
    IF p_payments IS NOT NULL THEN
        INSERT INTO order_payments (payment_id, tenant, order_id, position, method, amount_cents, status, reference)
        SELECT gen_random_uuid(), p_tenant, p_order_id, n, method, cents, status, reference
        FROM ROWS FROM (
            json_to_recordset(p_payments::json) AS (method text, cents bigint, status text, reference text)
        ) WITH ORDINALITY AS p (method, cents, status, reference, n);
    END IF;
    INSERT INTO order_status_history (order_id, position, status) VALUES (p_order_id, 1, 'pending');
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq)
        || '","status":"pending","totalAmount":' || p_total || ',"broadcast":' || broadcasts
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;

-- As pods of the version before call it, as before; such an order is due at once, and nothing of it is paid.
CREATE OR REPLACE FUNCTION place_order(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_order_id uuid, p_source text, p_order_type text,
    p_customer_name text, p_customer_phone text, p_customer_email text, p_special_instructions text,
    p_total_cents bigint, p_total text,
    p_names text[], p_quantities integer[], p_unit_prices bigint[], p_notes text[],
    p_data text
) RETURNS write_result
LANGUAGE sql AS $$
    SELECT take_order(
        p_tenant, p_key, p_fingerprint, p_order_id, p_source, lower(p_source), p_order_type, p_customer_name,
        p_customer_phone, p_customer_email, p_special_instructions, p_total_cents, p_total, p_names, p_quantities,
        p_unit_prices, p_notes, NULL, NULL, NULL, '{}', '{}', NULL, NULL, NULL, NULL, NULL,
        ARRAY[splice_json('"stations":[],"categories":[],"amountPaid":0.00,"amountDue":' || p_total, CASE WHEN p_data IS NULL THEN new_order_data(
            p_order_type, p_customer_name, p_customer_phone, p_customer_email, p_special_instructions, p_total,
            p_names, p_quantities, p_unit_prices, p_notes
        ) ELSE regexp_replace(p_data, ',"orderSource":"online"\}$', '}') END)],
        true
    )
$$;

-- Look anew at who has seen a tenant's pending orders, as before; deadlines count from when an order is due.
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
            tenant, event_seq, event_epoch, order_id, placed_at, counts_from, attempt, stations, categories
        )
        SELECT o.tenant, o.event_seq, o.event_epoch, o.order_id, o.created_at, coalesce(o.due_at, o.created_at),
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
