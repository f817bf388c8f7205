-- release: 0.2.0
-- phase: pre
--
-- Orders carry what real orders carry: broken quantities, modifiers, where each line is made, adjustments of the total,
-- where the order goes, and the caller's own words. See docs/decisions/0115-orders-in-full.md.
--
-- All that a plain order does not have is kept as finished JSON, as events and answers say it, and is null for a plain order:
-- `more` for a line, `detail` for the order. Pods of the release before go on reading and writing plain lines.
ALTER TABLE orders
    ALTER COLUMN customer_name DROP NOT NULL,
    ADD COLUMN detail json,
    -- about how many bytes it has, where it is bigger than an event may be
    ADD COLUMN weight integer;
ALTER TABLE order_items
    -- in thousandths, where it is broken; `quantity` is the whole number above it then
    ADD COLUMN quantity_milli integer,
    -- what the line costs, where that is not `quantity` times `unit_price_cents`
    ADD COLUMN line_cents bigint,
    ADD COLUMN more json;

-- A line as answers say it; the bytes are those of api/core/order_items.py, Item.document.
CREATE FUNCTION order_item_json(p_item order_items) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{"name":' || to_json(p_item.name) || ',"quantity":'
        || coalesce(trim_scale(p_item.quantity_milli / 1000.0), p_item.quantity)
        || ',"unitPrice":' || json_cents(p_item.unit_price_cents)
        || ',"notes":' || coalesce(to_json(p_item.notes)::text, 'null')
        || coalesce(',' || substr(p_item.more::text, 2), '}')
$$;

-- The first of an event's forms that leaves room for its envelope in 32 KiB, with `p_first` put in front of its members;
-- the last one, where none does.
CREATE FUNCTION fitting_data(
    p_tenant text, p_epoch integer, p_seq bigint, p_type text, p_first text, p_forms text[]
) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    form text;
    data text;
    envelope integer;
BEGIN
    FOREACH form IN ARRAY p_forms LOOP
        data := splice_json(p_first, form);
        EXIT WHEN cardinality(p_forms) = 1;
        envelope := coalesce(envelope, octet_length(
            '{"type":"","tenant":"","offset":"-","id":"evt__-","timestamp":"2026-11-22T22:15:00.123Z","data":}'
            || p_type || p_tenant || p_tenant || p_epoch || p_epoch || p_seq || p_seq
            || coalesce(',"traceparent":""' || nullif(current_setting('bellwire.traceparent', true), ''), '')
        ));
        EXIT WHEN envelope + octet_length(data) <= 32768;
    END LOOP;
    RETURN data;
END $$;

-- An order as before, with all that it has. `p_forms` are the event's data but for `orderId`, `orderNumber` and
-- `orderSource`, the fullest first. `p_quantities_milli`, `p_lines` and `p_more` are null where no line has any.
DROP FUNCTION take_order(
    text, text, bytea, uuid, text, text, text, text, text, text, text, bigint, text, text[], integer[], bigint[], text[],
    text, boolean
);
CREATE FUNCTION take_order(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_order_id uuid, p_source text, p_source_key text, p_order_type text,
    p_customer_name text, p_customer_phone text, p_customer_email text, p_special_instructions text,
    p_total_cents bigint, p_total text,
    p_names text[], p_quantities integer[], p_unit_prices bigint[], p_notes text[],
    p_quantities_milli integer[], p_lines bigint[], p_more text[],
    p_stations text[], p_categories text[], p_detail text, p_weight integer, p_forms text[],
    p_lenient boolean DEFAULT false
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    deadline integer;
    added jsonb;
    known text;
    broadcasts boolean := p_source_key = 'online';
    stream tenant_streams;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    SELECT ack_deadline_seconds, order_sources INTO deadline, added FROM tenants WHERE tenant = p_tenant;
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
                || '","orderSource":' || to_json(known)::text,
                p_forms
            )
        );
        INSERT INTO unseen_orders (
            tenant, event_seq, event_epoch, order_id, placed_at, counts_from, alarm_at, stations, categories
        ) VALUES (
            p_tenant, stream.seq, stream.epoch, p_order_id, now(), now(), now() + make_interval(secs => deadline),
            p_stations, p_categories
        );
    END IF;
    INSERT INTO orders (
        order_id, tenant, order_seq, source, order_type, customer_name, customer_phone, customer_email,
        special_instructions, total_cents, event_epoch, event_seq, stations, categories, detail, weight
    ) VALUES (
        p_order_id, p_tenant, stream.order_seq, known, p_order_type, p_customer_name, p_customer_phone,
        p_customer_email, p_special_instructions, p_total_cents, event.epoch, event.seq, p_stations, p_categories,
        p_detail::json, p_weight
    );
    INSERT INTO order_items (order_id, position, name, quantity, unit_price_cents, notes, quantity_milli, line_cents, more)
    SELECT p_order_id, item.position, item.name, item.quantity, item.unit_price, item.notes,
           nullif(item.quantity_milli, item.quantity * 1000), item.line, item.more::json
    FROM unnest(p_names, p_quantities, p_unit_prices, p_notes, p_quantities_milli, p_lines, p_more)
         WITH ORDINALITY AS item (name, quantity, unit_price, notes, quantity_milli, line, more, position);
    INSERT INTO order_status_history (order_id, position, status) VALUES (p_order_id, 1, 'pending');
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq)
        || '","status":"pending","totalAmount":' || p_total || ',"broadcast":' || broadcasts
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;

-- As pods of the version before call it, as before; the event of such an order names no stations and no categories.
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
        p_unit_prices, p_notes, NULL, NULL, NULL, '{}', '{}', NULL, NULL,
        ARRAY[splice_json('"stations":[],"categories":[]', CASE WHEN p_data IS NULL THEN new_order_data(
            p_order_type, p_customer_name, p_customer_phone, p_customer_email, p_special_instructions, p_total,
            p_names, p_quantities, p_unit_prices, p_notes
        ) ELSE regexp_replace(p_data, ',"orderSource":"online"\}$', '}') END)],
        true
    )
$$;
