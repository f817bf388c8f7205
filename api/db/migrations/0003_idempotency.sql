-- The answer to a request that moved value, kept with its effect in one transaction.

CREATE TABLE idempotency_keys (
    tenant      text NOT NULL REFERENCES tenants,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL,
    outcome     text NOT NULL,
    result      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- What every writing function returns: what became of it, the members of the answer as a JSON object, and the event
-- that was committed with it (null when it made none, or when the answer is a stored one).
CREATE TYPE write_result AS (outcome text, replayed boolean, result text, event committed_event);

-- The first step of a writing function. Null: go ahead. Otherwise the answer to give:
-- `still_running`, `key_reused`, or the stored one with `replayed` set.
CREATE FUNCTION idempotency_check(p_tenant text, p_key text, p_fingerprint bytea) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    answer write_result;
    stored idempotency_keys;
BEGIN
    IF p_key IS NULL THEN
        RETURN NULL;
    END IF;
    -- Tried, not waited for: a second request with the same key learns at once that the first is under way.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('bellwire.idempotency/' || p_tenant || '/' || p_key, 0)) THEN
        answer.outcome := 'still_running';
        answer.replayed := false;
        RETURN answer;
    END IF;
    SELECT * INTO stored FROM idempotency_keys
    WHERE tenant = p_tenant AND key = p_key AND created_at > now() - interval '7 days';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF stored.fingerprint <> p_fingerprint THEN
        answer.outcome := 'key_reused';
        answer.replayed := false;
        RETURN answer;
    END IF;
    answer.outcome := stored.outcome;
    answer.replayed := true;
    answer.result := stored.result;
    RETURN answer;
END $$;

-- The last step of a writing function: keep the answer, and hand it back.
CREATE FUNCTION idempotency_keep(
    p_tenant text, p_key text, p_fingerprint bytea, p_outcome text, p_result text, p_event committed_event
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    answer write_result;
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys (tenant, key, fingerprint, outcome, result)
        VALUES (p_tenant, p_key, p_fingerprint, p_outcome, p_result)
        ON CONFLICT (tenant, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, outcome = excluded.outcome,
            result = excluded.result, created_at = excluded.created_at;
    END IF;
    answer.outcome := p_outcome;
    answer.replayed := false;
    answer.result := p_result;
    answer.event := p_event;
    RETURN answer;
END $$;
