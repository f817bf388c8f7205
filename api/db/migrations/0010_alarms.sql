-- The alarm of an order that no till has seen: an event of its own, once an order.

ALTER TABLE tenants ADD COLUMN ack_deadline_seconds integer NOT NULL DEFAULT 30
    CHECK (ack_deadline_seconds BETWEEN 1 AND 86400);

-- When `order_unacknowledged` was committed for it.
ALTER TABLE orders ADD COLUMN alarmed_at timestamptz;

-- Those for which it still may be.
CREATE INDEX orders_to_alarm ON orders (tenant, event_epoch, event_seq)
    WHERE status = 'pending' AND event_seq IS NOT NULL AND alarmed_at IS NULL;

-- Commit the alarm of one order. Null when there is none to give: it was acked, has moved on, has its alarm, or another
-- pod is giving it at this moment.
CREATE FUNCTION alarm_order(p_tenant text, p_order_id uuid) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    unseen orders;
    stream tenant_streams;
BEGIN
    SELECT * INTO unseen FROM orders
    WHERE tenant = p_tenant AND order_id = p_order_id
      AND status = 'pending' AND event_seq IS NOT NULL AND alarmed_at IS NULL
    FOR UPDATE SKIP LOCKED;
    -- Looked for behind the row's lock: an ack that came in the meantime counts.
    IF NOT FOUND OR EXISTS (
        SELECT 1 FROM terminals
        WHERE tenant = p_tenant AND (acked_epoch, acked_seq) >= (unseen.event_epoch, unseen.event_seq)
    ) THEN
        RETURN NULL;
    END IF;
    UPDATE orders SET alarmed_at = clock_timestamp() WHERE order_id = p_order_id;
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
    RETURN append_event(
        p_tenant, stream.epoch, stream.seq, 'order_unacknowledged',
        '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(unseen.order_seq)
        || '","orderOffset":"' || unseen.event_epoch || '-' || unseen.event_seq
        || '","waitedSeconds":' || floor(extract(epoch FROM clock_timestamp() - unseen.created_at))::bigint || '}'
    );
END $$;
