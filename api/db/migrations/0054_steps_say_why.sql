-- release: 0.2.0
-- phase: pre
--
-- A step of an order's status may say why it was taken and when the order will be ready, and says by whom; one that came
-- too late is told who was first, and when.

-- Kept apart from the history: that is a ledger, and a reason may be about a customer, who may be forgotten.
CREATE TABLE order_step_notes (
    tenant   text NOT NULL REFERENCES tenants,
    order_id uuid NOT NULL,
    position integer NOT NULL,
    reason   text,
    ready_at timestamptz,
    PRIMARY KEY (order_id, position)
);

-- The writer of a step, as an event says it to every till: a terminal by its name, the storefront, or the system.
CREATE FUNCTION by_json(p_made_by text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(CASE
        WHEN p_made_by LIKE 'term/%' THEN (
            SELECT '{"kind":"term","terminalId":"' || t.terminal_id || '","name":' || to_json(t.name) || '}'
            FROM terminals t WHERE t.terminal_id = split_part(p_made_by, '/', 2)::uuid
        )
        WHEN p_made_by LIKE 'store/%' THEN '{"kind":"store"}'
        WHEN p_made_by IS NOT NULL THEN '{"kind":"system"}'
    END, 'null')
$$;

-- A step, as before, with what may be said of it.
CREATE FUNCTION step_order(
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
        SELECT * INTO STRICT last FROM order_status_history WHERE order_id = p_order_id ORDER BY position DESC LIMIT 1;
        RETURN NEXT idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'wrong_step',
            '{"status":"' || changed.status || '","by":' || by_json(last.made_by)
            || ',"at":"' || rfc3339(last.changed_at) || '"}',
            NULL
        );
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

-- As pods of the version before call it.
CREATE OR REPLACE FUNCTION change_order_status(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_status text, p_from text[]
) RETURNS SETOF write_result
LANGUAGE sql AS $$
    SELECT * FROM step_order(p_tenant, p_key, p_fingerprint, p_order_id, p_status, p_from, NULL, NULL)
$$;
