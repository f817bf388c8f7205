-- release: 0.2.0
-- phase: pre
--
-- What was acked, or moved on, while the file before ran is not unseen; the rest is looked at from its deadline on. An
-- order that had its alarm has had its first attempt.
DELETE FROM unseen_orders u USING orders o
WHERE u.alarm_at IS NULL AND o.tenant = u.tenant AND o.order_id = u.order_id AND (
    o.status <> 'pending' OR EXISTS (
        SELECT FROM terminals t
        WHERE t.tenant = u.tenant AND (t.acked_epoch, t.acked_seq) >= (u.event_epoch, u.event_seq)
    )
);
UPDATE unseen_orders u SET alarm_at = u.counts_from + make_interval(secs => t.ack_deadline_seconds)
FROM tenants t WHERE t.tenant = u.tenant AND u.alarm_at IS NULL AND u.attempt = 0;
