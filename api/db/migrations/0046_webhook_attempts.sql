-- The answers of endpoints to the last attempts, and how often in a row they refused what comes next.
-- release: 0.2.0
-- phase: pre

CREATE TABLE webhook_attempts (
    -- an endpoint's rows go with it; those that a pod of the release before leaves behind go when they are a week old
    endpoint_id  uuid NOT NULL,
    tenant       text NOT NULL,
    attempt_id   bigint GENERATED ALWAYS AS IDENTITY,
    -- when it began, by the clock of its pod, which the message's timestamp is of
    at           timestamptz NOT NULL,
    -- the message's `webhook-id`, and the type in its body
    message_id   text NOT NULL,
    type         text NOT NULL,
    outcome      text NOT NULL,
    -- null: nothing was answered
    status       integer,
    milliseconds integer NOT NULL CHECK (milliseconds >= 0),
    -- the answer's beginning, as a text that is safe to show
    answer       text NOT NULL CHECK (octet_length(answer) <= 200),
    PRIMARY KEY (endpoint_id, at, attempt_id)
);
CREATE INDEX webhook_attempts_age ON webhook_attempts USING brin (at);
CREATE INDEX webhook_attempts_tenant ON webhook_attempts (tenant);

-- Answers in a row, to what comes next, that say that it is refused for good. Holds while `failures` is not 0: pods of
-- the release before move on without it.
ALTER TABLE webhook_endpoints ADD COLUMN refusals integer NOT NULL DEFAULT 0 CHECK (refusals >= 0);

-- Attempts that a pod has gathered. Those at endpoints that are gone are left out; of the others
-- the newest `p_keep` stay.
CREATE FUNCTION note_attempts(
    p_endpoints uuid[], p_at timestamptz[], p_messages text[], p_types text[], p_outcomes text[],
    p_statuses integer[], p_milliseconds integer[], p_answers text[], p_keep integer
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_attempts (endpoint_id, tenant, at, message_id, type, outcome, status, milliseconds, answer)
    SELECT k.endpoint_id, e.tenant, k.at, k.message_id, k.type, k.outcome, k.status, k.milliseconds, k.answer
    FROM unnest(p_endpoints, p_at, p_messages, p_types, p_outcomes, p_statuses, p_milliseconds, p_answers)
         WITH ORDINALITY AS k (endpoint_id, at, message_id, type, outcome, status, milliseconds, answer, place)
    JOIN webhook_endpoints e USING (endpoint_id) ORDER BY k.place;
    -- By place in the table, so that two pods delete in one order.
    DELETE FROM webhook_attempts WHERE ctid = ANY (ARRAY(
        SELECT old.ctid FROM (SELECT DISTINCT unnest(p_endpoints) AS endpoint_id) e CROSS JOIN LATERAL (
            SELECT a.ctid FROM webhook_attempts a WHERE a.endpoint_id = e.endpoint_id
            ORDER BY a.at DESC, a.attempt_id DESC OFFSET p_keep
        ) old
    ));
END $$;
