-- release: 0.2.0
-- phase: pre
--
-- An order is paid later, and money is given back outside. See docs/decisions/0118-money-of-an-order.md.

-- The writer, as ledgers and histories say it (api/db/writes.py, writer).
CREATE FUNCTION writer_json(p_made_by text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(CASE
        WHEN p_made_by LIKE 'term/%' THEN (
            SELECT '{"kind":"term","terminalId":"' || m.terminal_id || '","name":' || to_json(m.name) || '}'
            FROM terminals m WHERE m.terminal_id = split_part(p_made_by, '/', 2)::uuid
        )
        WHEN p_made_by LIKE '%/%/%' THEN
            '{"kind":"' || split_part(p_made_by, '/', 1) || '","keyId":"' || split_part(p_made_by, '/', 3) || '"}'
    END, 'null')
$$;

-- The payments of an order as answers say them. Those that it was placed with are as they were given; one that came later
-- says also by which name, when and by whom.
CREATE FUNCTION order_payments_json(p_tenant text, p_order_id uuid, p_placed_at timestamptz) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    decimals integer;
BEGIN
    IF NOT EXISTS (SELECT FROM order_payments WHERE order_id = p_order_id) THEN
        RETURN '[]';
    END IF;
    decimals := tenant_decimals(p_tenant);
    RETURN (
        SELECT '[' || string_agg(
            '{"method":' || to_json(method) || ',"amount":' || money_text(amount_cents, decimals) || ',"status":"' || status
            || '"' || coalesce(',"reference":' || to_json(reference), '')
            || CASE WHEN created_at <> p_placed_at THEN
                   ',"paymentId":"' || payment_id || '","at":"' || rfc3339(created_at) || '","by":' || writer_json(made_by)
               ELSE '' END || '}', ',' ORDER BY position
        ) || ']'
        FROM order_payments WHERE order_id = p_order_id
    );
END $$;

-- The refunds of an order, likewise.
CREATE FUNCTION order_refunds_json(p_tenant text, p_order_id uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    decimals integer;
BEGIN
    IF NOT EXISTS (SELECT FROM order_refunds WHERE order_id = p_order_id) THEN
        RETURN '[]';
    END IF;
    decimals := tenant_decimals(p_tenant);
    RETURN (
        SELECT '[' || string_agg(
            '{"refundId":"' || refund_id || '","amount":' || money_text(amount_cents, decimals)
            || coalesce(',"reason":' || to_json(reason), '') || ',"at":"' || rfc3339(created_at)
            || '","by":' || writer_json(made_by) || '}', ',' ORDER BY position
        ) || ']'
        FROM order_refunds WHERE order_id = p_order_id
    );
END $$;

-- Tell that an order's money moved, where it is broadcast; its row is locked. `p_said` are the event's members behind the
-- order's own.
CREATE FUNCTION tell_order_money(p_order orders, p_type text, p_said text) RETURNS committed_event
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
            '{"orderId":"' || p_order.order_id || '","orderNumber":"' || order_number(p_order.order_seq) || '",' || p_said || '}'
        );
    END IF;
    RETURN event;
END $$;

-- A payment that comes later. Outcomes: `ok`, `not_found`, `wrong_step` (it is cancelled), `overpaid`,
-- `too_many_payments`. Locks: the order's row, then the stream's.
CREATE FUNCTION pay_order(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_order_id uuid, p_payment_id uuid, p_method text, p_cents bigint, p_status text, p_reference text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    paid orders;
    last order_status_history;
    payment order_payments;
    money money_of_order;
    event committed_event;
    sums text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    SELECT * INTO paid FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF paid.status = 'cancelled' THEN
        SELECT * INTO STRICT last FROM order_status_history WHERE order_id = p_order_id ORDER BY position DESC LIMIT 1;
        RETURN idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'wrong_step',
            '{"status":"' || paid.status || '","by":' || by_json(last.made_by) || ',"at":"' || rfc3339(last.changed_at) || '"}',
            NULL
        );
    END IF;
    money := order_money(paid);
    IF money.paid + p_cents > paid.total_cents THEN
        RETURN idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'overpaid',
            '{"amountPaid":' || json_money(p_tenant, money.paid) || ',"amountDue":' || json_money(p_tenant, money.due) || '}',
            NULL
        );
    END IF;
    SELECT coalesce(max(position), 0) + 1 INTO payment.position FROM order_payments WHERE order_id = p_order_id;
    -- A list has all payments of its orders.
    IF payment.position > 100 THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'too_many_payments', '{}', NULL);
    END IF;
    INSERT INTO order_payments (payment_id, tenant, order_id, position, method, amount_cents, status, reference)
    VALUES (p_payment_id, p_tenant, p_order_id, payment.position, p_method, p_cents, p_status, p_reference)
    RETURNING * INTO payment;
    IF payment.position > 20 THEN
        UPDATE orders SET weight = coalesce(weight, 32768) + 2048 WHERE order_id = p_order_id;
    END IF;
    money := order_money(paid);
    sums := '"amountPaid":' || json_money(p_tenant, money.paid) || ',"amountDue":' || json_money(p_tenant, money.due);
    event := tell_order_money(
        paid, 'order_paid',
        '"paymentId":"' || p_payment_id || '","method":' || to_json(p_method) || ',"amount":' || json_money(p_tenant, p_cents)
        || ',"status":"' || p_status || '"' || coalesce(',"reference":' || to_json(p_reference), '')
        || ',' || sums || ',"by":' || by_json(payment.made_by)
    );
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"paymentId":"' || p_payment_id || '",' || sums
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;

-- Money that was given back outside, of an order in whichever status. Outcomes: `ok`, `not_found`, `refund_too_high`,
-- `too_many_payments`. Locks: the order's row, then the stream's.
CREATE FUNCTION refund_order(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_refund_id uuid, p_cents bigint, p_reason text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    refunded orders;
    refund order_refunds;
    money money_of_order;
    event committed_event;
    total text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    SELECT * INTO refunded FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    money := order_money(refunded);
    IF p_cents > money.paid THEN
        RETURN idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'refund_too_high',
            '{"amountPaid":' || json_money(p_tenant, money.paid) || ',"refundedTotal":' || json_money(p_tenant, money.refunded)
            || '}',
            NULL
        );
    END IF;
    SELECT coalesce(max(position), 0) + 1 INTO refund.position FROM order_refunds WHERE order_id = p_order_id;
    IF refund.position > 100 THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'too_many_payments', '{}', NULL);
    END IF;
    INSERT INTO order_refunds (refund_id, tenant, order_id, position, amount_cents, total_after_cents, reason)
    VALUES (p_refund_id, p_tenant, p_order_id, refund.position, p_cents, money.refunded + p_cents, p_reason)
    RETURNING * INTO refund;
    IF refund.position > 20 THEN
        UPDATE orders SET weight = coalesce(weight, 32768) + 2048 WHERE order_id = p_order_id;
    END IF;
    money := order_money(refunded);
    total := '"refundedTotal":' || json_money(p_tenant, money.refunded);
    event := tell_order_money(
        refunded, 'order_refunded',
        '"refundId":"' || p_refund_id || '","amount":' || json_money(p_tenant, p_cents)
        || coalesce(',"reason":' || to_json(p_reason), '') || ',' || total
        || ',"amountPaid":' || json_money(p_tenant, money.paid) || ',"amountDue":' || json_money(p_tenant, money.due)
        || ',"by":' || by_json(refund.made_by)
    );
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"refundId":"' || p_refund_id || '",' || total
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;
