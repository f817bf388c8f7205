-- release: 0.2.0
-- phase: pre
--
-- Claims: of several terminals one does a thing with an order, such as printing it. A row is an order's purpose; it stays
-- for as long as its order, so that what is done is never done again. See docs/decisions/0125-claims.md.
CREATE TABLE order_claims (
    tenant      text NOT NULL REFERENCES tenants,
    -- Nothing refers to orders by a constraint here: a test tenant's rows go by tables, whichever comes first.
    order_id    uuid NOT NULL,
    purpose     text NOT NULL CHECK (purpose ~ '^[a-z0-9-]{1,32}$'),
    -- One more with each holder; a holder that comes back after its time is a new one.
    fence       bigint NOT NULL CHECK (fence > 0),
    terminal_id uuid NOT NULL,
    claimed_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    -- The time that `expires_at` was reckoned with.
    ttl_seconds integer NOT NULL,
    done_at     timestamptz,
    PRIMARY KEY (tenant, order_id, purpose)
);

CREATE FUNCTION claim_holder(p_claim order_claims) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '"holder":{"terminalId":"' || t.terminal_id || '","name":' || to_json(t.name) || '}'
    FROM terminals t WHERE t.terminal_id = p_claim.terminal_id
$$;

-- Ask for a claim. One answer: `granted`, `taken_over` (from another terminal, whose time had run out), `renewed`; `held`,
-- `done`, `wrong_step` (cancelled), `too_many`, `not_found`. `result` is the body, or a problem's members.
CREATE FUNCTION claim_order(
    p_tenant text, p_order_id uuid, p_terminal uuid, p_purpose text, p_ttl_seconds integer, p_most integer,
    OUT outcome text, OUT result text
) LANGUAGE plpgsql AS $$
DECLARE
    order_status text;
    held order_claims;
    last order_status_history;
    moment timestamptz;
    wanted interval := make_interval(secs => p_ttl_seconds);
BEGIN
    result := '{}';
    -- The order's claims come one after another, and none beside a step: it is cancelled before, or after.
    SELECT status INTO order_status FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    ELSIF order_status = 'cancelled' THEN
        SELECT * INTO STRICT last FROM order_status_history WHERE order_id = p_order_id ORDER BY position DESC LIMIT 1;
        outcome := 'wrong_step';
        result := '{"status":"' || order_status || '","by":' || by_json(last.made_by)
            || ',"at":"' || rfc3339(last.changed_at) || '"}';
        RETURN;
    END IF;
    -- Read behind the lock: a wait for it takes time, in which a claim may run out.
    moment := clock_timestamp();
    SELECT * INTO held FROM order_claims WHERE tenant = p_tenant AND order_id = p_order_id AND purpose = p_purpose;
    IF NOT FOUND THEN
        IF (SELECT count(*) FROM order_claims WHERE tenant = p_tenant AND order_id = p_order_id) >= p_most THEN
            outcome := 'too_many';
            RETURN;
        END IF;
        INSERT INTO order_claims (tenant, order_id, purpose, fence, terminal_id, claimed_at, expires_at, ttl_seconds)
        VALUES (p_tenant, p_order_id, p_purpose, 1, p_terminal, moment, moment + wanted, p_ttl_seconds)
        RETURNING * INTO held;
        outcome := 'granted';
    ELSIF held.done_at IS NOT NULL THEN
        outcome := 'done';
        result := '{"done":true,' || claim_holder(held) || ',"fence":' || held.fence
            || ',"doneAt":"' || rfc3339(held.done_at) || '"}';
        RETURN;
    ELSIF held.expires_at <= moment THEN
        outcome := CASE held.terminal_id WHEN p_terminal THEN 'granted' ELSE 'taken_over' END;
        UPDATE order_claims SET
            fence = fence + 1, terminal_id = p_terminal, claimed_at = moment, expires_at = moment + wanted,
            ttl_seconds = p_ttl_seconds
        WHERE tenant = p_tenant AND order_id = p_order_id AND purpose = p_purpose
        RETURNING * INTO held;
    ELSE
        outcome := CASE held.terminal_id WHEN p_terminal THEN 'renewed' ELSE 'held' END;
        -- Where the clock was set back, nobody holds for longer than its time from now.
        held.expires_at := least(held.expires_at, moment + make_interval(secs => held.ttl_seconds));
        -- A holder may count on what it was told: a shorter time takes nothing away.
        IF outcome = 'renewed' AND moment + wanted > held.expires_at THEN
            held.expires_at := moment + wanted;
            held.ttl_seconds := p_ttl_seconds;
        END IF;
        UPDATE order_claims SET expires_at = held.expires_at, ttl_seconds = held.ttl_seconds
        WHERE tenant = p_tenant AND order_id = p_order_id AND purpose = p_purpose
          AND expires_at <> held.expires_at;
        IF outcome = 'held' THEN
            result := '{' || claim_holder(held) || ',"expiresAt":"' || rfc3339(held.expires_at) || '"}';
            RETURN;
        END IF;
    END IF;
    result := '{"claimed":true,"fence":' || held.fence || ',"expiresAt":"' || rfc3339(held.expires_at) || '"}';
END $$;

-- Say that it is done. One answer: `done`, `repeated`; `stale` (a later holder was there), `held` and `done_by_other` (by
-- another terminal), `never_given` (no such fence yet), `not_claimed`, `not_found`. A cancelled order's claim may be done:
-- what was printed was printed.
CREATE FUNCTION finish_claim(
    p_tenant text, p_order_id uuid, p_terminal uuid, p_purpose text, p_fence bigint,
    OUT outcome text, OUT result text
) LANGUAGE plpgsql AS $$
DECLARE
    held order_claims;
BEGIN
    result := '{}';
    PERFORM FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    SELECT * INTO held FROM order_claims WHERE tenant = p_tenant AND order_id = p_order_id AND purpose = p_purpose;
    IF NOT FOUND THEN
        outcome := 'not_claimed';
        RETURN;
    END IF;
    result := '{' || claim_holder(held) || ',"fence":' || held.fence || CASE
        WHEN held.done_at IS NULL THEN ',"expiresAt":"' || rfc3339(held.expires_at) || '"}'
        ELSE ',"done":true,"doneAt":"' || rfc3339(held.done_at) || '"}'
    END;
    IF p_fence > held.fence THEN
        outcome := 'never_given';
    ELSIF p_fence < held.fence THEN
        outcome := 'stale';
    ELSIF held.terminal_id <> p_terminal THEN
        outcome := CASE WHEN held.done_at IS NULL THEN 'held' ELSE 'done_by_other' END;
    ELSIF held.done_at IS NOT NULL THEN
        outcome := 'repeated';
    ELSE
        UPDATE order_claims SET done_at = clock_timestamp()
        WHERE tenant = p_tenant AND order_id = p_order_id AND purpose = p_purpose;
        outcome := 'done';
    END IF;
END $$;
