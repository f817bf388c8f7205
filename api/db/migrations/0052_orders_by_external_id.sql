-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- The sender's own id names one order of a tenant's source.
CREATE UNIQUE INDEX CONCURRENTLY orders_by_external_id ON orders (tenant, external_id, lower(source))
WHERE external_id IS NOT NULL
