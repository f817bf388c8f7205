-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- What nobody has seen is asked for by every checkout and counted every second, among all that is pending.
CREATE INDEX CONCURRENTLY unseen_orders_unseen ON unseen_orders (tenant, counts_from) WHERE seen_at IS NULL
