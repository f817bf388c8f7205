-- Who is served: tenants, their streams' heads, their terminals, and the keys that speak for them.

-- The slug is the tenant's identity everywhere (URLs, events, Redis keys), never changed and never reused.
CREATE TABLE tenants (
    tenant      text PRIMARY KEY CHECK (tenant ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);
CREATE INDEX tenants_disabled ON tenants (disabled_at) WHERE disabled_at IS NOT NULL;

-- One row a tenant; its row lock is what makes `seq` gapless and a true prefix in commit order.
-- No second index and half-empty pages, so that each bump is a heap-only update.
CREATE TABLE tenant_streams (
    tenant    text PRIMARY KEY REFERENCES tenants,
    epoch     integer NOT NULL DEFAULT 1 CHECK (epoch > 0),
    seq       bigint  NOT NULL DEFAULT 0 CHECK (seq >= 0),
    order_seq bigint  NOT NULL DEFAULT 0 CHECK (order_seq >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

-- A gateway pod's lease: a terminal is online while its connection's gateway keeps renewing this.
CREATE TABLE gateways (
    gateway    text PRIMARY KEY,
    renewed_at timestamptz NOT NULL
);

CREATE TABLE terminals (
    terminal_id   uuid PRIMARY KEY,
    tenant        text NOT NULL REFERENCES tenants,
    name          text NOT NULL,
    role          text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    revoked_at    timestamptz,
    -- the connection that counts: the newest one
    gateway       text,
    connection_id uuid,
    connected_at  timestamptz,
    last_seen     timestamptz,
    -- rises when a connection is made or the terminal is revoked; gateways ask for what changed lately
    changed_at    timestamptz NOT NULL DEFAULT now(),
    acked_epoch   integer,
    acked_seq     bigint,
    acked_at      timestamptz,
    UNIQUE (tenant, terminal_id)
);
CREATE INDEX terminals_changed ON terminals (changed_at);

CREATE TABLE api_keys (
    key_hash    bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    kind        text NOT NULL CHECK (kind IN ('op', 'store', 'term')),
    tenant      text REFERENCES tenants,
    terminal_id uuid,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz,
    FOREIGN KEY (tenant, terminal_id) REFERENCES terminals (tenant, terminal_id),
    CHECK ((kind = 'op') = (tenant IS NULL)),
    CHECK ((kind = 'term') = (terminal_id IS NOT NULL))
);
CREATE INDEX api_keys_terminal ON api_keys (terminal_id) WHERE terminal_id IS NOT NULL;
