-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- Uses of gift cards are found by the order that they paid for.
CREATE INDEX CONCURRENTLY card_uses_by_order ON pos_gift_card_transactions (tenant, lower(order_id))
WHERE order_id IS NOT NULL
