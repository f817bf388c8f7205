-- A completed online order earns its customer points, where the tenant says how many.

ALTER TABLE tenants ADD COLUMN points_per_unit numeric(8, 2) CHECK (points_per_unit BETWEEN 0 AND 10000);

-- The digits by which a loyalty account is found: as api/core/loyalty.py, normalise_phone; a test compares the two.
-- Null for what is no phone number.
CREATE FUNCTION phone_digits(p_given text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(digits) BETWEEN 3 AND 15 AND length(p_given) <= 32
                     AND bare ~ '^[+]?[0-9][0-9 ().\-/]*$' THEN digits END
    FROM (
        SELECT regexp_replace(regexp_replace(given, '[^0-9]', '', 'g'),
                              CASE WHEN given LIKE '+%' THEN '^$' ELSE '^00' END, '') AS digits,
               btrim(translate(given, '()', ''), E' \t\n\r\x0b\f') AS bare
        FROM (SELECT btrim(p_given, E' \t\n\r\x0b\f') AS given) trimmed
    ) read
$$;

-- How many points an order earns when it is completed.
CREATE FUNCTION order_points(p_order orders) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_order.source = 'online' AND phone_digits(p_order.customer_phone) IS NOT NULL
           THEN coalesce(floor(p_order.total_cents * points_per_unit / 100), 0)::bigint ELSE 0 END
    FROM tenants WHERE tenant = p_order.tenant
$$;

-- Make the account that an order's points go to, if need be, and lock it. Before the stream's row, as everywhere:
-- whoever changes points locks in this order, or two of them would wait for each other.
CREATE FUNCTION lock_account(p_tenant text, p_digits text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO loyalty_accounts (tenant, phone) VALUES (p_tenant, p_digits) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM loyalty_accounts WHERE tenant = p_tenant AND phone = p_digits FOR UPDATE;
END $$;

-- Add what an order earned, and tell it.
CREATE FUNCTION earn_order_points(p_order orders, earned bigint) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    account loyalty_accounts;
    stream tenant_streams;
    reason text := 'order ' || order_number(p_order.order_seq);
BEGIN
    UPDATE loyalty_accounts SET points = points + earned
    WHERE tenant = p_order.tenant AND phone = phone_digits(p_order.customer_phone)
    RETURNING * INTO STRICT account;
    INSERT INTO pos_loyalty_transactions (tenant, customer_id, transaction_type, points_change, balance_after, reason)
    VALUES (p_order.tenant, account.customer_id, 'add', earned, account.points, reason);
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_order.tenant RETURNING * INTO STRICT stream;
    RETURN append_event(
        p_order.tenant, stream.epoch, stream.seq, 'loyalty_updated',
        '{"customerId":"' || account.customer_id || '","newBalance":' || account.points
        || ',"customerPhone":' || to_json(p_order.customer_phone)::text
        || ',"pointsChange":' || earned || ',"transactionType":"add","reason":"' || reason || '"}'
    );
END $$;

-- As before, and an order that is completed earns its points: that event is in a second row, which is there only then.
-- An order is completed once, so it earns once.
DROP FUNCTION change_order_status(text, text, bytea, uuid, text, text[]);
CREATE FUNCTION change_order_status(
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
    IF changed.source = 'online' THEN
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
