-- release: 0.2.0
-- phase: pre
--
-- Orders from before keep what they had: those that the rule of before finds unseen are unseen. They are armed by the
-- next file: an ack that comes while this one runs does not see its rows yet.
INSERT INTO unseen_orders (tenant, event_seq, event_epoch, order_id, placed_at, counts_from, alarm_at, attempt)
SELECT o.tenant, o.event_seq, o.event_epoch, o.order_id, o.created_at, o.created_at, NULL,
       (o.alarmed_at IS NOT NULL)::integer
FROM tenants t LEFT JOIN LATERAL (
    SELECT acked_epoch, acked_seq FROM terminals WHERE tenant = t.tenant AND acked_seq IS NOT NULL
    ORDER BY acked_epoch DESC, acked_seq DESC LIMIT 1
) a ON true
JOIN orders o ON o.tenant = t.tenant AND o.status = 'pending' AND o.event_seq IS NOT NULL
     AND (o.event_epoch, o.event_seq) > (coalesce(a.acked_epoch, 0), coalesce(a.acked_seq, 0))
ON CONFLICT DO NOTHING;
