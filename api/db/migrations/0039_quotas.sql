-- release: 0.2.0
-- phase: pre
--
-- What a tenant may have at once is counted exactly: terminals, webhook endpoints, keys, and stored answers. The pods say
-- how many that is. See docs/decisions/0111-quotas.md.

-- How many answers of a tenant are stored. Those from before this file are not counted; they are over in seven days.
CREATE TABLE stored_answers (
    tenant text PRIMARY KEY REFERENCES tenants,
    stored bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE idempotency_keys ADD COLUMN counted boolean NOT NULL DEFAULT false;
ALTER TABLE further_idempotency_keys ADD COLUMN counted boolean NOT NULL DEFAULT false;

-- Count one more answer of a tenant. Where the caller says how many there may be (the setting `bellwire.most_answers`;
-- pods of the release before say nothing), one too many ends its transaction with BW429. It comes last in a writing
-- function: rows of tenant_streams are locked before rows of stored_answers.
CREATE FUNCTION count_answer(p_tenant text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    now_stored bigint;
BEGIN
    UPDATE stored_answers SET stored = stored + 1 WHERE tenant = p_tenant RETURNING stored INTO now_stored;
    IF NOT FOUND THEN
        INSERT INTO stored_answers AS s (tenant, stored) VALUES (p_tenant, 1)
        ON CONFLICT (tenant) DO UPDATE SET stored = s.stored + 1 RETURNING s.stored INTO now_stored;
    END IF;
    IF now_stored > nullif(current_setting('bellwire.most_answers', true), '')::bigint THEN
        RAISE EXCEPTION 'as many answers are stored as may be' USING ERRCODE = 'BW429';
    END IF;
END $$;

-- As before, and one that is too many is told so before anything is done. It is count_answer that is exact: many that come
-- at once may all get past here.
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
        IF (SELECT s.stored FROM stored_answers s WHERE s.tenant = p_tenant)
            >= nullif(current_setting('bellwire.most_answers', true), '')::bigint
        THEN
            answer.outcome := 'answers_full';
            RETURN answer;
        END IF;
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

-- As before, and counted.
CREATE OR REPLACE FUNCTION idempotency_keep(
    p_tenant text, p_key text, p_fingerprint bytea, p_outcome text, p_result text, p_event committed_event
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    asking text := write_owner();
    fresh boolean;
    answer write_result;
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys AS kept (tenant, key, owner, fingerprint, outcome, result, counted)
        VALUES (p_tenant, p_key, asking, p_fingerprint, p_outcome, p_result, true)
        ON CONFLICT (tenant, key) DO UPDATE SET
            owner = excluded.owner, fingerprint = excluded.fingerprint, outcome = excluded.outcome,
            result = excluded.result, created_at = excluded.created_at
        WHERE asking IS NULL OR kept.created_at <= now() - interval '7 days'
        -- A row that was there before has a deleter: this transaction.
        RETURNING kept.xmax = 0 INTO fresh;
        IF NOT FOUND THEN
            INSERT INTO further_idempotency_keys AS kept (tenant, key, owner, fingerprint, outcome, result, counted)
            VALUES (p_tenant, p_key, asking, p_fingerprint, p_outcome, p_result, true)
            ON CONFLICT (tenant, key, owner) DO UPDATE SET
                fingerprint = excluded.fingerprint, outcome = excluded.outcome,
                result = excluded.result, created_at = excluded.created_at
            RETURNING kept.xmax = 0 INTO fresh;
        END IF;
        IF fresh THEN
            PERFORM count_answer(p_tenant);
        END IF;
    END IF;
    answer.outcome := p_outcome;
    answer.replayed := false;
    answer.result := p_result;
    answer.event := p_event;
    RETURN answer;
END $$;

-- Whoever deletes answers, a pod of the release before as well, gives their places back.
CREATE FUNCTION forget_counted_answers() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    -- One after another: each may hold many tenants' rows, in whichever order.
    PERFORM pg_advisory_xact_lock(hashtextextended('bellwire.stored_answers', 0));
    UPDATE stored_answers s SET stored = s.stored - g.gone
    FROM (SELECT tenant, count(*) AS gone FROM forgotten WHERE counted GROUP BY tenant) g
    WHERE s.tenant = g.tenant;
    RETURN NULL;
END $$;
CREATE TRIGGER idempotency_keys_forgotten AFTER DELETE ON idempotency_keys
    REFERENCING OLD TABLE AS forgotten FOR EACH STATEMENT EXECUTE FUNCTION forget_counted_answers();
CREATE TRIGGER further_idempotency_keys_forgotten AFTER DELETE ON further_idempotency_keys
    REFERENCING OLD TABLE AS forgotten FOR EACH STATEMENT EXECUTE FUNCTION forget_counted_answers();

-- How many a tenant has at this moment: asked by a caller that has the tenant's row locked.
CREATE FUNCTION registered_terminals(p_tenant text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT count(*) FROM terminals WHERE tenant = p_tenant AND revoked_at IS NULL);
END $$;
CREATE FUNCTION registered_webhooks(p_tenant text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT count(*) FROM webhook_endpoints WHERE tenant = p_tenant);
END $$;
