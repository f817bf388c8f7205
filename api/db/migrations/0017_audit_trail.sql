-- release: 0.2.0
-- phase: pre
--
-- The audit trail: who did what, when, from where. Rows are added and never changed; housekeeping takes those that are
-- 400 days old. They outlive their tenant, so they refer to nothing.
CREATE TABLE audit_trail (
    entry_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- null for what is nobody's, such as an operator's key
    tenant      text,
    -- who: the kind of key, null for somebody without a valid one; the key by the beginning of its hash, never itself
    kind        text CHECK (kind IN ('op', 'store', 'term')),
    key_id      text,
    terminal_id uuid,
    address     text,
    -- what: `orders.read`, `tenant.changed`, …, and what else is to be said of it
    action      text NOT NULL,
    facts       jsonb NOT NULL DEFAULT '{}',
    -- how many of them this row stands for
    count       integer NOT NULL DEFAULT 1 CHECK (count > 0)
);
CREATE INDEX audit_trail_tenant ON audit_trail (tenant, entry_id DESC);
CREATE INDEX audit_trail_age ON audit_trail USING brin (at);
