-- release: 0.2.0
-- phase: pre
--
-- An Idempotency-Key belongs to its owner, and what moves value or a status names who did it.
--
-- A writing function is told who calls by the setting `bellwire.by` of its transaction: `kind/terminal/key`, the second
-- empty but for terminals, the third a key's name (backbone/contract/keys.py, key_name). Pods of the release before say
-- nothing. See docs/decisions/0097-keys-have-a-life.md.

CREATE FUNCTION written_by() RETURNS text
LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('bellwire.by', true), '') $$;

-- An owner: a terminal, whichever of its keys it uses, or all keys of one kind together. Null is an older pod's.
CREATE FUNCTION write_owner() RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN w LIKE 'term/%' THEN split_part(w, '/', 2) ELSE split_part(w, '/', 1) END FROM written_by() AS w
$$;

ALTER TABLE pos_gift_card_transactions ADD COLUMN made_by text;
ALTER TABLE pos_gift_card_transactions ALTER COLUMN made_by SET DEFAULT written_by();
ALTER TABLE pos_loyalty_transactions ADD COLUMN made_by text;
ALTER TABLE pos_loyalty_transactions ALTER COLUMN made_by SET DEFAULT written_by();
ALTER TABLE order_status_history ADD COLUMN made_by text;
ALTER TABLE order_status_history ALTER COLUMN made_by SET DEFAULT written_by();

-- The first owner to use a value takes its row here and is named in it; null: an older pod's, whose owner nobody knows.
ALTER TABLE idempotency_keys ADD COLUMN owner text;

-- ... and every other owner of the same value has a row of its own here.
CREATE TABLE further_idempotency_keys (
    tenant      text NOT NULL REFERENCES tenants,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    owner       text NOT NULL,
    fingerprint bytea NOT NULL,
    outcome     text NOT NULL,
    result      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key, owner)
);
CREATE INDEX further_idempotency_keys_age ON further_idempotency_keys (created_at);

-- As before, for an owner. Whose answer is it?
--   of this owner: its own;
--   of no known owner (an older pod's) and to the same request: anybody's, as before;
--   to an older pod, which does not say who asks: that to the same request, whoever had it.
-- Locks are tried and never waited for. An older pod locks the value alone, by itself; we lock value and owner by
-- ourselves, and the value together with others of us: so each meets every other that may be the same request.
CREATE OR REPLACE FUNCTION idempotency_check(p_tenant text, p_key text, p_fingerprint bytea) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    asking text := write_owner();
    value_lock bigint := hashtextextended('bellwire.idempotency/' || p_tenant || '/' || p_key, 0);
    free boolean;
    answer write_result;
    stored record;
BEGIN
    IF p_key IS NULL THEN
        RETURN NULL;
    END IF;
    answer.replayed := false;
    IF asking IS NULL THEN
        free := pg_try_advisory_xact_lock(value_lock);
    ELSE
        free := pg_try_advisory_xact_lock(
            hashtextextended('bellwire.idempotency.of/' || asking || '/' || p_tenant || '/' || p_key, 0)
        ) AND pg_try_advisory_xact_lock_shared(value_lock);
    END IF;
    IF NOT free THEN
        answer.outcome := 'still_running';
        RETURN answer;
    END IF;
    SELECT k.fingerprint, k.outcome, k.result INTO stored FROM (
        SELECT fingerprint, outcome, result, owner, created_at FROM idempotency_keys
        WHERE tenant = p_tenant AND key = p_key
        UNION ALL
        SELECT fingerprint, outcome, result, owner, created_at FROM further_idempotency_keys
        WHERE tenant = p_tenant AND key = p_key
    ) k
    WHERE k.created_at > now() - interval '7 days'
      AND (asking IS NULL OR k.owner = asking OR (k.owner IS NULL AND k.fingerprint = p_fingerprint))
    -- An older pod's other request with this value is refused, as before, unless one of them is this one.
    ORDER BY coalesce(k.owner = asking, false) DESC, k.fingerprint = p_fingerprint DESC, k.created_at DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF stored.fingerprint <> p_fingerprint THEN
        answer.outcome := 'key_reused';
        RETURN answer;
    END IF;
    answer.outcome := stored.outcome;
    answer.replayed := true;
    answer.result := stored.result;
    RETURN answer;
END $$;

CREATE OR REPLACE FUNCTION idempotency_keep(
    p_tenant text, p_key text, p_fingerprint bytea, p_outcome text, p_result text, p_event committed_event
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    asking text := write_owner();
    answer write_result;
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys AS kept (tenant, key, owner, fingerprint, outcome, result)
        VALUES (p_tenant, p_key, asking, p_fingerprint, p_outcome, p_result)
        ON CONFLICT (tenant, key) DO UPDATE SET
            owner = excluded.owner, fingerprint = excluded.fingerprint, outcome = excluded.outcome,
            result = excluded.result, created_at = excluded.created_at
        WHERE asking IS NULL OR kept.created_at <= now() - interval '7 days';
        IF NOT FOUND THEN
            INSERT INTO further_idempotency_keys (tenant, key, owner, fingerprint, outcome, result)
            VALUES (p_tenant, p_key, asking, p_fingerprint, p_outcome, p_result)
            ON CONFLICT (tenant, key, owner) DO UPDATE SET
                fingerprint = excluded.fingerprint, outcome = excluded.outcome,
                result = excluded.result, created_at = excluded.created_at;
        END IF;
    END IF;
    answer.outcome := p_outcome;
    answer.replayed := false;
    answer.result := p_result;
    answer.event := p_event;
    RETURN answer;
END $$;
