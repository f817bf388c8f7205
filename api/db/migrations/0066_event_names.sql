-- release: 0.2.0
-- phase: pre
--
-- What filters read of an event besides its type stands beside it: the stations and categories of the order that it is
-- about, folded as the order's row has them; null where there are none, and for events about no order. Rows of
-- before have none: before this release no order named any. See docs/decisions/0122-stations.md.
ALTER TABLE pos_sync_logs ADD COLUMN stations text[], ADD COLUMN categories text[];
ALTER TYPE committed_event ADD ATTRIBUTE stations text[], ADD ATTRIBUTE categories text[];

-- Write one event, as before, with the names of the order that it is about.
CREATE FUNCTION append_event(
    p_tenant text, p_epoch integer, p_seq bigint, p_type text, p_data text, p_stations text[], p_categories text[]
)
RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    event committed_event;
    moment timestamptz := date_trunc('milliseconds', clock_timestamp());
    position_text text := p_epoch || '-' || p_seq;
    -- a setting that was local to an earlier transaction reads as ''
    traceparent text := nullif(current_setting('bellwire.traceparent', true), '');
BEGIN
    event.epoch := p_epoch;
    event.seq := p_seq;
    event.type := p_type;
    event.committed_ms := (extract(epoch FROM moment) * 1000)::bigint;
    event.payload := convert_to(
        '{"type":"' || p_type || '","tenant":"' || p_tenant || '","offset":"' || position_text
        || '","id":"evt_' || p_tenant || '_' || position_text
        || '","timestamp":"' || to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        || coalesce('","traceparent":"' || traceparent, '')
        || '","data":' || p_data || '}',
        'UTF8'
    );
    event.stations := nullif(p_stations, '{}');
    event.categories := nullif(p_categories, '{}');
    INSERT INTO pos_sync_logs (tenant, seq, epoch, type, committed_at, payload, stations, categories)
    VALUES (p_tenant, p_seq, p_epoch, p_type, moment, event.payload, event.stations, event.categories);
    RETURN event;
END $$;

-- Write one event, as every function calls it that knows no names: those of an order are looked up here, so no writer has
-- to hand them on. An event is about an order when its type says so (`order_…`); its data begins with the order's id then.
-- backbone/contract/event.py, is_about_an_order, has the same rule.
CREATE OR REPLACE FUNCTION append_event(p_tenant text, p_epoch integer, p_seq bigint, p_type text, p_data text)
RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    its_stations text[];
    its_categories text[];
BEGIN
    IF p_type LIKE 'order\_%' AND p_data ~ '^\{"orderId":"[0-9a-f-]{36}"' THEN
        SELECT o.stations, o.categories INTO its_stations, its_categories FROM orders o
        WHERE o.order_id = substr(p_data, 13, 36)::uuid AND o.tenant = p_tenant;
    END IF;
    RETURN append_event(p_tenant, p_epoch, p_seq, p_type, p_data, its_stations, its_categories);
END $$;

-- An order as before; its event names its stations and categories.
CREATE OR REPLACE FUNCTION take_order(
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
            ),
            p_stations, p_categories
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
