-- Loyalty: points that cannot go below zero, and their ledger.

CREATE TABLE loyalty_accounts (
    customer_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant      text NOT NULL REFERENCES tenants,
    phone       text NOT NULL,
    points      bigint NOT NULL DEFAULT 0 CHECK (points >= 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, phone),
    UNIQUE (tenant, customer_id)
);

CREATE TABLE pos_loyalty_transactions (
    transaction_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant           text NOT NULL,
    customer_id      uuid NOT NULL,
    transaction_type text NOT NULL CHECK (transaction_type IN ('add', 'redeem')),
    points_change    bigint NOT NULL CHECK (points_change <> 0),
    balance_after    bigint NOT NULL CHECK (balance_after >= 0),
    reason           text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant, customer_id) REFERENCES loyalty_accounts (tenant, customer_id)
);
CREATE INDEX pos_loyalty_transactions_customer ON pos_loyalty_transactions (customer_id, transaction_id DESC);
CREATE TRIGGER pos_loyalty_transactions_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON pos_loyalty_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Points are added (which makes the account when there is none) or redeemed.
-- `p_data` is the event's data but for `customerId` and `newBalance`. Outcomes: `ok`, `not_found`, `insufficient`.
CREATE FUNCTION change_loyalty(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_phone text, p_type text, p_change bigint, p_reason text, p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    account loyalty_accounts;
    stream tenant_streams;
    event committed_event;
    members text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    IF p_change > 0 THEN
        INSERT INTO loyalty_accounts (tenant, phone) VALUES (p_tenant, p_phone) ON CONFLICT DO NOTHING;
    END IF;
    SELECT * INTO account FROM loyalty_accounts WHERE tenant = p_tenant AND phone = p_phone FOR UPDATE;
    IF NOT FOUND THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF account.points + p_change < 0 THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'insufficient', '{}', NULL);
    END IF;
    UPDATE loyalty_accounts SET points = points + p_change WHERE customer_id = account.customer_id
    RETURNING * INTO account;
    INSERT INTO pos_loyalty_transactions (tenant, customer_id, transaction_type, points_change, balance_after, reason)
    VALUES (p_tenant, account.customer_id, p_type, p_change, account.points, p_reason);
    members := '"customerId":"' || account.customer_id || '","newBalance":' || account.points;
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
    event := append_event(p_tenant, stream.epoch, stream.seq, 'loyalty_updated', splice_json(members, p_data));
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{' || members || ',"offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;
