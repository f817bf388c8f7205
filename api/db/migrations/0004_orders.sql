-- Orders with their items and the history of their status.

CREATE TABLE orders (
    order_id             uuid PRIMARY KEY,
    tenant               text NOT NULL REFERENCES tenants,
    order_seq            bigint NOT NULL,
    source               text NOT NULL,
    order_type           text NOT NULL,
    status               text NOT NULL DEFAULT 'pending'
                         CHECK (status IN ('pending', 'preparing', 'ready', 'completed', 'cancelled')),
    customer_name        text NOT NULL,
    customer_phone       text,
    customer_email       text,
    special_instructions text,
    total_cents          bigint NOT NULL CHECK (total_cents >= 0),
    -- position of its new_order event; null for a source that makes none
    event_epoch          integer,
    event_seq            bigint,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, order_seq),
    UNIQUE (tenant, order_id),
    CHECK ((event_epoch IS NULL) = (event_seq IS NULL))
);
CREATE INDEX orders_by_status ON orders (tenant, status, order_seq DESC);
CREATE INDEX orders_with_event ON orders (tenant, event_seq) WHERE event_seq IS NOT NULL;

CREATE TABLE order_items (
    order_id         uuid NOT NULL REFERENCES orders,
    position         integer NOT NULL CHECK (position > 0),
    name             text NOT NULL,
    quantity         integer NOT NULL CHECK (quantity > 0),
    unit_price_cents bigint NOT NULL CHECK (unit_price_cents >= 0),
    notes            text,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE order_status_history (
    order_id   uuid NOT NULL REFERENCES orders,
    position   integer NOT NULL CHECK (position > 0),
    status     text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, position)
);

CREATE FUNCTION order_number(p_order_seq bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'ORD-' || p_order_seq $$;

-- An order, its number, its items and (for an online one) its event, in one statement.
-- `p_data` is the event's data but for `orderNumber`; null makes no event.
CREATE FUNCTION place_order(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_order_id uuid, p_source text, p_order_type text,
    p_customer_name text, p_customer_phone text, p_customer_email text, p_special_instructions text,
    p_total_cents bigint, p_total text,
    p_names text[], p_quantities integer[], p_unit_prices bigint[], p_notes text[],
    p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    stream tenant_streams;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    UPDATE tenant_streams
    SET order_seq = order_seq + 1, seq = seq + (p_data IS NOT NULL)::integer
    WHERE tenant = p_tenant
    RETURNING * INTO STRICT stream;
    IF p_data IS NOT NULL THEN
        event := append_event(
            p_tenant, stream.epoch, stream.seq, 'new_order',
            splice_json('"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq) || '"', p_data)
        );
    END IF;
    INSERT INTO orders (
        order_id, tenant, order_seq, source, order_type, customer_name, customer_phone, customer_email,
        special_instructions, total_cents, event_epoch, event_seq
    ) VALUES (
        p_order_id, p_tenant, stream.order_seq, p_source, p_order_type, p_customer_name, p_customer_phone,
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
        || '","status":"pending","totalAmount":' || p_total
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;

-- A step of an order's status, allowed only from one of `p_from`.
-- Outcomes: `ok`, `not_found`, `wrong_step` (the result names the status it has).
CREATE FUNCTION change_order_status(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_status text, p_from text[]
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    changed orders;
    stream tenant_streams;
    event committed_event;
    members text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    SELECT * INTO changed FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF changed.status <> ALL (p_from) THEN
        RETURN idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'wrong_step', '{"status":"' || changed.status || '"}', NULL
        );
    END IF;
    UPDATE orders SET status = p_status, updated_at = now() WHERE order_id = p_order_id;
    INSERT INTO order_status_history (order_id, position, status)
    SELECT p_order_id, max(position) + 1, p_status FROM order_status_history WHERE order_id = p_order_id;
    members := '"orderId":"' || p_order_id || '","orderNumber":"' || order_number(changed.order_seq)
        || '","status":"' || p_status || '","previousStatus":"' || changed.status || '"';
    IF changed.source = 'online' THEN
        UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
        event := append_event(p_tenant, stream.epoch, stream.seq, 'order_updated', '{' || members || '}');
    END IF;
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{' || members || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;
