-- Endpoints that refuse what comes next are counted by every pod, every few seconds.
-- release: 0.2.0
-- phase: pre
-- transaction: none

CREATE INDEX CONCURRENTLY webhook_endpoints_refusing ON webhook_endpoints (endpoint_id) WHERE refusals > 1;
