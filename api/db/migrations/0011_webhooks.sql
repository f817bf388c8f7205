-- Webhook endpoints: each is a cursor over its tenant's log, moved by whichever pod holds its lease.

CREATE TABLE webhook_endpoints (
    endpoint_id     uuid PRIMARY KEY,
    tenant          text NOT NULL REFERENCES tenants,
    url             text NOT NULL CHECK (octet_length(url) <= 2048),
    types           text[],
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- which secret signs (secrets are derived, and stored nowhere); until `previous_until` the one before signs too
    generation      integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    previous_until  timestamptz,
    -- the cursor: everything up to here was delivered, or is of other types
    epoch           integer NOT NULL,
    seq             bigint NOT NULL CHECK (seq >= 0),
    -- failed attempts at what comes next
    failures        integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    lease           uuid,
    leased_until    timestamptz,
    disabled_at     timestamptz,
    disabled_reason text,
    last_attempt_at timestamptz,
    last_outcome    text
);
CREATE INDEX webhook_endpoints_tenant ON webhook_endpoints (tenant);
CREATE INDEX webhook_endpoints_due ON webhook_endpoints (next_attempt_at) WHERE disabled_at IS NULL;
