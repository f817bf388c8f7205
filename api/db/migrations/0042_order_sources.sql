-- release: 0.2.0
-- phase: pre
--
-- An order's source is one of its tenant's, compared without case, and decides whether the order is broadcast. The order
-- keeps that for life: one that was broadcast has the position of its event, any other has none. See
-- docs/decisions/0112-order-sources.md.
DO $$
DECLARE
    used jsonb;
BEGIN
    -- Read before any lock is taken: the words that each tenant's orders have used, none of which is refused from now on.
    SELECT jsonb_object_agg(tenant, words) INTO used FROM (
        SELECT tenant, jsonb_agg(jsonb_build_object('key', key, 'name', name, 'broadcast', false) ORDER BY key) AS words
        FROM (
            SELECT tenant, lower(source) AS key, min(source) AS name
            FROM (SELECT DISTINCT tenant, source FROM orders) o
            WHERE lower(source) NOT IN ('online', 'pos', 'till', 'phone', 'kiosk')
            GROUP BY tenant, lower(source)
        ) w GROUP BY tenant
    ) t;
    -- Those that a tenant added to the built-in ones: an array of {key, name, broadcast}; `key` is the name without case.
    ALTER TABLE tenants ADD COLUMN order_sources jsonb NOT NULL DEFAULT '[]'
        CHECK (jsonb_typeof(order_sources) = 'array');
    UPDATE tenants SET order_sources = used -> tenant WHERE used ? tenant;
END $$;

-- All sources of a tenant, the built-in ones first: those of api/core/order_sources.py; a test compares the two.
CREATE FUNCTION sources_of(p_added jsonb) RETURNS TABLE (key text, name text, broadcast boolean)
LANGUAGE sql IMMUTABLE AS $$
    VALUES ('online', 'online', true), ('pos', 'pos', false), ('till', 'till', false), ('phone', 'phone', false),
           ('kiosk', 'kiosk', false)
    UNION ALL
    SELECT a ->> 'key', a ->> 'name', (a ->> 'broadcast')::boolean FROM jsonb_array_elements(p_added) a
$$;

-- An order, its number, its items and, where its source broadcasts, its event and its place among the unseen.
-- `p_data` is the event's data but for `orderId`, `orderNumber` and `orderSource`. A source that the tenant does not have
-- is the outcome `unknown_source`, with the names of those that it has, and is not kept; where `p_lenient` it is taken
-- as it is, makes no event, and is the tenant's from then on.
CREATE FUNCTION take_order(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_order_id uuid, p_source text, p_source_key text, p_order_type text,
    p_customer_name text, p_customer_phone text, p_customer_email text, p_special_instructions text,
    p_total_cents bigint, p_total text,
    p_names text[], p_quantities integer[], p_unit_prices bigint[], p_notes text[],
    p_data text, p_lenient boolean DEFAULT false
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
            splice_json(
                '"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq)
                || '","orderSource":' || to_json(known)::text,
                p_data
            )
        );
        INSERT INTO unseen_orders (tenant, event_seq, event_epoch, order_id, placed_at, counts_from, alarm_at)
        VALUES (
            p_tenant, stream.seq, stream.epoch, p_order_id, now(), now(), now() + make_interval(secs => deadline)
        );
    END IF;
    INSERT INTO orders (
        order_id, tenant, order_seq, source, order_type, customer_name, customer_phone, customer_email,
        special_instructions, total_cents, event_epoch, event_seq
    ) VALUES (
        p_order_id, p_tenant, stream.order_seq, known, p_order_type, p_customer_name, p_customer_phone,
        p_customer_email, p_special_instructions, p_total_cents, event.epoch, event.seq
    );
    INSERT INTO order_items (order_id, position, name, quantity, unit_price_cents, notes)
    SELECT p_order_id, item.position, item.name, item.quantity, item.unit_price, item.notes
    FROM unnest(p_names, p_quantities, p_unit_prices, p_notes)
         WITH ORDINALITY AS item (name, quantity, unit_price, notes, position);
    INSERT INTO order_status_history (order_id, position, status) VALUES (p_order_id, 1, 'pending');
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq)
        || '","status":"pending","totalAmount":' || p_total || ',"broadcast":' || broadcasts
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;

-- The data of `new_order` but for `orderId`, `orderNumber` and `orderSource`, as api/core/orders.py makes it.
CREATE FUNCTION new_order_data(
    p_order_type text, p_customer_name text, p_customer_phone text, p_customer_email text,
    p_special_instructions text, p_total text, p_names text[], p_quantities integer[], p_unit_prices bigint[],
    p_notes text[]
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{"status":"pending","orderType":' || to_json(p_order_type)::text
        || ',"customerName":' || to_json(p_customer_name)::text
        || ',"customerPhone":' || coalesce(to_json(p_customer_phone)::text, 'null')
        || ',"customerEmail":' || coalesce(to_json(p_customer_email)::text, 'null')
        || ',"items":[' || coalesce(string_agg(
               '{"name":' || to_json(i.name)::text || ',"quantity":' || i.quantity
               || ',"unitPrice":' || json_cents(i.unit_price)
               || ',"notes":' || coalesce(to_json(i.notes)::text, 'null') || '}', ',' ORDER BY i.position
           ), '')
        || '],"totalAmount":' || p_total
        || ',"specialInstructions":' || coalesce(to_json(p_special_instructions)::text, 'null') || '}'
    FROM unnest(p_names, p_quantities, p_unit_prices, p_notes)
         WITH ORDINALITY AS i (name, quantity, unit_price, notes, position)
$$;

-- As pods of the version before call it. They give the data of an event for the word `online` alone; where another source
-- of the tenant's broadcasts, it is made here, so that its event is not lost for having come by an older pod. They know
-- no refusal of a source.
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
        p_unit_prices, p_notes,
        CASE WHEN p_data IS NULL THEN new_order_data(
            p_order_type, p_customer_name, p_customer_phone, p_customer_email, p_special_instructions, p_total,
            p_names, p_quantities, p_unit_prices, p_notes
        ) ELSE regexp_replace(p_data, ',"orderSource":"online"\}$', '}') END,
        true
    )
$$;

-- How many points an order earns when it is completed.
CREATE OR REPLACE FUNCTION order_points(p_order orders) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_order.event_seq IS NOT NULL AND phone_digits(p_order.customer_phone) IS NOT NULL
           THEN coalesce(floor(p_order.total_cents * points_per_unit / 100), 0)::bigint ELSE 0 END
    FROM tenants WHERE tenant = p_order.tenant
$$;

-- A step of an order's status, as before; it is an event where the order was broadcast, whatever its source is now.
CREATE OR REPLACE FUNCTION change_order_status(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_status text, p_from text[]
) RETURNS SETOF write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    changed orders;
    stream tenant_streams;
    event committed_event;
    earned bigint := 0;
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
        RETURN NEXT idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'wrong_step', '{"status":"' || changed.status || '"}', NULL
        );
        RETURN;
    END IF;
    UPDATE orders SET status = p_status, updated_at = now() WHERE order_id = p_order_id;
    -- Rows of orders, then of unseen_orders, then of tenant_streams: everybody locks in this order.
    IF changed.status = 'pending' AND changed.event_seq IS NOT NULL THEN
        DELETE FROM unseen_orders WHERE tenant = p_tenant AND event_seq = changed.event_seq;
    END IF;
    INSERT INTO order_status_history (order_id, position, status)
    SELECT p_order_id, max(position) + 1, p_status FROM order_status_history WHERE order_id = p_order_id;
    members := '"orderId":"' || p_order_id || '","orderNumber":"' || order_number(changed.order_seq)
        || '","status":"' || p_status || '","previousStatus":"' || changed.status || '"';
    IF p_status = 'completed' THEN
        earned := order_points(changed);
    END IF;
    IF earned > 0 THEN
        PERFORM lock_account(p_tenant, phone_digits(changed.customer_phone));
    END IF;
    IF changed.event_seq IS NOT NULL THEN
        UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
        event := append_event(p_tenant, stream.epoch, stream.seq, 'order_updated', '{' || members || '}');
    END IF;
    RETURN NEXT idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{' || members || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
    IF earned > 0 THEN
        stored.outcome := 'ok';
        stored.replayed := false;
        stored.event := earn_order_points(changed, earned);
        RETURN NEXT stored;
    END IF;
END $$;
