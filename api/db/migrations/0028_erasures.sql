-- release: 0.2.0
-- phase: pre
--
-- Where a customer was forgotten: how often, and the seq up to which events may have been overwritten then. Gateways read
-- those from PostgreSQL alone, for anybody who can write to Redis could put back what was to be forgotten.
CREATE TABLE erasures (
    tenant    text PRIMARY KEY REFERENCES tenant_streams ON DELETE CASCADE,
    times     bigint NOT NULL,
    seq       bigint NOT NULL,
    erased_at timestamptz NOT NULL
);

CREATE INDEX erasures_by_moment ON erasures (erased_at);
