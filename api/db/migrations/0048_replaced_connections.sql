-- Connections that another one of the same terminal replaced, the newest of which every pod looks at now and then.
-- release: 0.2.0
-- phase: pre
-- transaction: none

CREATE INDEX CONCURRENTLY readings_replaced ON readings (ended_at) WHERE code = 4409;
