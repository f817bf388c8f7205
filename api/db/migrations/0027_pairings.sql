-- release: 0.2.0
-- phase: pre
--
-- Pairing codes: a till that has none gets its key by typing one. Kept as an HMAC; good once, for ten minutes. A row
-- stays for a day, so that it can be told what became of it.
CREATE TABLE pairings (
    pairing_id  uuid PRIMARY KEY,
    tenant      text NOT NULL REFERENCES tenants,
    code_hmac   bytea NOT NULL UNIQUE,
    name        text NOT NULL,
    role        text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- the name of the key that made it
    created_by  text NOT NULL,
    expires_at  timestamptz NOT NULL,
    -- the terminal that came of it
    terminal_id uuid
);
CREATE INDEX pairings_tenant ON pairings (tenant, created_at);

-- How many codes of a tenant may be typed at this moment: asked by a caller that has the tenant's row locked.
CREATE FUNCTION open_pairings(p_tenant text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (
        SELECT count(*) FROM pairings
        WHERE tenant = p_tenant AND terminal_id IS NULL AND expires_at > clock_timestamp()
    );
END $$;
