-- Gateways ask each second which terminals' keys have just ended.
-- release: 0.2.0
-- phase: pre
-- transaction: none
CREATE INDEX CONCURRENTLY api_keys_ending ON api_keys (expires_at) WHERE expires_at IS NOT NULL;
