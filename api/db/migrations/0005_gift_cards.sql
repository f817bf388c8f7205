-- Gift cards: a balance that cannot go below zero, and a ledger that is only ever added to.

CREATE TABLE gift_cards (
    card_id         uuid PRIMARY KEY,
    tenant          text NOT NULL REFERENCES tenants,
    -- HMAC-SHA256 of the number; the number itself is stored nowhere
    number_hmac     bytea NOT NULL CHECK (octet_length(number_hmac) = 32),
    last4           text NOT NULL CHECK (length(last4) = 4),
    initial_cents   bigint NOT NULL CHECK (initial_cents > 0),
    balance_cents   bigint NOT NULL CHECK (balance_cents BETWEEN 0 AND initial_cents),
    purchased_by    text NOT NULL,
    recipient_name  text,
    recipient_email text,
    expiry_date     date,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, number_hmac),
    UNIQUE (tenant, card_id)
);

CREATE TABLE pos_gift_card_transactions (
    transaction_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant              text NOT NULL,
    card_id             uuid NOT NULL,
    transaction_type    text NOT NULL CHECK (transaction_type IN ('purchase', 'redeem')),
    amount_cents        bigint NOT NULL CHECK (amount_cents <> 0),
    balance_after_cents bigint NOT NULL CHECK (balance_after_cents >= 0),
    order_id            text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    -- composite: a card can only be moved by its own tenant
    FOREIGN KEY (tenant, card_id) REFERENCES gift_cards (tenant, card_id)
);
CREATE INDEX pos_gift_card_transactions_card ON pos_gift_card_transactions (card_id);

CREATE FUNCTION refuse_ledger_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is a ledger: rows are added, never changed or removed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER pos_gift_card_transactions_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON pos_gift_card_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A card is sold. `p_data` is the event's whole data; `p_salt` (from which the API derives the number) is kept with
-- the answer, so that a retried request can be given the same number although it is stored nowhere.
CREATE FUNCTION sell_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_card_id uuid, p_number_hmac bytea, p_last4 text, p_salt text, p_cents bigint, p_amount text,
    p_purchased_by text, p_recipient_name text, p_recipient_email text, p_expiry_date date, p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    stream tenant_streams;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    INSERT INTO gift_cards (
        card_id, tenant, number_hmac, last4, initial_cents, balance_cents,
        purchased_by, recipient_name, recipient_email, expiry_date
    ) VALUES (
        p_card_id, p_tenant, p_number_hmac, p_last4, p_cents, p_cents,
        p_purchased_by, p_recipient_name, p_recipient_email, p_expiry_date
    );
    INSERT INTO pos_gift_card_transactions (tenant, card_id, transaction_type, amount_cents, balance_after_cents)
    VALUES (p_tenant, p_card_id, 'purchase', p_cents, p_cents);
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
    event := append_event(p_tenant, stream.epoch, stream.seq, 'gift_card_purchased', p_data);
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"salt":"' || p_salt || '","balance":' || p_amount
        || ',"expiryDate":' || coalesce('"' || p_expiry_date || '"', 'null')
        || ',"offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;

-- Integer cents as a JSON number with two decimals: 1050 is 10.50. Never through a float.
CREATE FUNCTION json_cents(p_cents bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT (p_cents / 100.0)::numeric(20, 2)::text $$;

-- A card is used at a till. `p_data` is the event's data but for `balance`.
-- Outcomes: `ok`, `not_found`, `expired`, `insufficient`.
CREATE FUNCTION redeem_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_number_hmac bytea, p_cents bigint, p_order_id text, p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    card gift_cards;
    stream tenant_streams;
    event committed_event;
    balance text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    SELECT * INTO card FROM gift_cards WHERE tenant = p_tenant AND number_hmac = p_number_hmac FOR UPDATE;
    IF NOT FOUND THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF card.expiry_date < (now() AT TIME ZONE 'UTC')::date THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'expired', '{}', NULL);
    END IF;
    IF card.balance_cents < p_cents THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'insufficient', '{}', NULL);
    END IF;
    UPDATE gift_cards SET balance_cents = balance_cents - p_cents WHERE card_id = card.card_id
    RETURNING * INTO card;
    INSERT INTO pos_gift_card_transactions (
        tenant, card_id, transaction_type, amount_cents, balance_after_cents, order_id
    ) VALUES (p_tenant, card.card_id, 'redeem', -p_cents, card.balance_cents, p_order_id);
    balance := json_cents(card.balance_cents);
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
    event := append_event(
        p_tenant, stream.epoch, stream.seq, 'gift_card_redeemed', splice_json('"balance":' || balance, p_data)
    );
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"balance":' || balance || ',"offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;
