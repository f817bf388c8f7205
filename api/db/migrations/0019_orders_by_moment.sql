-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- Orders of a day are found by it.
CREATE INDEX CONCURRENTLY orders_by_moment ON orders (tenant, created_at)
