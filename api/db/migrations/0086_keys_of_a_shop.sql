-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- A shop's storefront keys, and the operators', are found among those of all terminals.
CREATE INDEX CONCURRENTLY api_keys_of_shop ON api_keys (tenant) WHERE kind <> 'term'
