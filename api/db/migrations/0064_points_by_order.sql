-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- Points are found by the order that they paid for.
CREATE INDEX CONCURRENTLY points_by_order ON pos_loyalty_transactions (tenant, order_id)
WHERE order_id IS NOT NULL
