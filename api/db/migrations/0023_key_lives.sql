-- release: 0.2.0
-- phase: pre
--
-- Keys have a life: a name, who made them, a last use, an end. See docs/decisions/0097-keys-have-a-life.md.
ALTER TABLE api_keys
    ADD COLUMN name text,
    -- the name of the key that made it; null for a command's
    ADD COLUMN created_by text,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN may_pair boolean NOT NULL DEFAULT false;

-- A new key for a terminal; those that it has are valid for `p_overlap` seconds more, 0 ends them now. Outcomes: `ok`
-- with the moment until which they are valid (null: there was none), `not_found`, `too_many` (two are valid already).
CREATE FUNCTION rotate_terminal_key(
    p_tenant text, p_terminal uuid, p_key_hash bytea, p_overlap integer, p_created_by text,
    OUT outcome text, OUT previous_until timestamptz
)
LANGUAGE plpgsql AS $$
DECLARE
    valid integer;
    until timestamptz := clock_timestamp() + make_interval(secs => p_overlap);
BEGIN
    PERFORM FROM terminals WHERE tenant = p_tenant AND terminal_id = p_terminal AND revoked_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    SELECT count(*) INTO valid FROM api_keys
    WHERE terminal_id = p_terminal AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp());
    IF valid > 1 AND p_overlap > 0 THEN
        outcome := 'too_many';
        RETURN;
    END IF;
    UPDATE api_keys SET expires_at = least(expires_at, until), revoked_at = CASE WHEN p_overlap = 0 THEN until END
    WHERE terminal_id = p_terminal AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp());
    IF FOUND THEN
        SELECT max(expires_at) INTO previous_until FROM api_keys WHERE terminal_id = p_terminal;
    END IF;
    INSERT INTO api_keys (key_hash, kind, tenant, terminal_id, created_by)
    VALUES (p_key_hash, 'term', p_tenant, p_terminal, p_created_by);
    outcome := 'ok';
END $$;

-- The last step of taking a test tenant away (purge_tenant) takes the answers along that further owners of a value had.
CREATE FUNCTION purge_further_keys() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM further_idempotency_keys WHERE tenant = NEW.tenant;
    RETURN NEW;
END $$;
CREATE TRIGGER tenants_purged AFTER UPDATE OF purged_at ON tenants
    FOR EACH ROW WHEN (NEW.purged_at IS NOT NULL) EXECUTE FUNCTION purge_further_keys();

-- How many storefront keys of a tenant are valid at this moment: asked by a caller that has the tenant's row locked.
CREATE FUNCTION valid_storefront_keys(p_tenant text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (
        SELECT count(*) FROM api_keys
        WHERE tenant = p_tenant AND kind = 'store' AND revoked_at IS NULL
          AND (expires_at IS NULL OR expires_at > clock_timestamp())
    );
END $$;
