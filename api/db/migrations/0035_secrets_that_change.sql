-- release: 0.2.0
-- phase: pre
--
-- The secrets of pods can be changed: each gift card and each webhook endpoint says under which one it stands, by that
-- secret's name (`secret_id`, 8 bytes of a keyed hash, from which no secret can be had). Null is the first secret that
-- there was: rows from before this file, and those of pods of the release before, which know one secret alone.
-- See docs/decisions/0107-secrets-that-change.md.
ALTER TABLE gift_cards ADD COLUMN secret_id bytea;
ALTER TABLE webhook_endpoints
    ADD COLUMN secret_id bytea,
    -- that of the generation before, for as long as it signs too
    ADD COLUMN previous_secret_id bytea;

CREATE TABLE first_secret (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    secret_id  bytea NOT NULL CHECK (octet_length(secret_id) = 8),
    first_seen timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The name of the secret under which a row stands that names none; null while no pod has told it.
CREATE FUNCTION first_secret_id() RETURNS bytea
LANGUAGE sql STABLE AS $$ SELECT secret_id FROM first_secret $$;

-- The card with one of these hashes, locked; all null when there is none. `p_hmacs` are of one number under each secret
-- that a pod has, the newest first: a card that stood under another one moves to that.
CREATE FUNCTION present_gift_card(p_tenant text, p_hmacs bytea[], p_secret_id bytea) RETURNS gift_cards
LANGUAGE plpgsql AS $$
DECLARE
    card gift_cards;
BEGIN
    SELECT * INTO card FROM gift_cards WHERE tenant = p_tenant AND number_hmac = ANY (p_hmacs) FOR UPDATE;
    IF card.number_hmac <> p_hmacs[1] THEN
        UPDATE gift_cards SET number_hmac = p_hmacs[1], secret_id = p_secret_id WHERE card_id = card.card_id
        RETURNING * INTO card;
    END IF;
    RETURN card;
END $$;

-- As before, with the name of the secret that the number is derived from and found by.
CREATE FUNCTION sell_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_card_id uuid, p_number_hmac bytea, p_last4 text, p_salt text, p_cents bigint, p_amount text,
    p_purchased_by text, p_recipient_name text, p_recipient_email text, p_expiry_date date, p_data text,
    p_secret_id bytea
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
        purchased_by, recipient_name, recipient_email, expiry_date, secret_id
    ) VALUES (
        p_card_id, p_tenant, p_number_hmac, p_last4, p_cents, p_cents,
        p_purchased_by, p_recipient_name, p_recipient_email, p_expiry_date, p_secret_id
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
CREATE OR REPLACE FUNCTION sell_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_card_id uuid, p_number_hmac bytea, p_last4 text, p_salt text, p_cents bigint, p_amount text,
    p_purchased_by text, p_recipient_name text, p_recipient_email text, p_expiry_date date, p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
BEGIN
    RETURN sell_gift_card(
        p_tenant, p_key, p_fingerprint, p_card_id, p_number_hmac, p_last4, p_salt, p_cents, p_amount, p_purchased_by,
        p_recipient_name, p_recipient_email, p_expiry_date, p_data, NULL
    );
END $$;

-- As before, of the card that `present_gift_card` finds.
CREATE FUNCTION redeem_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_hmacs bytea[], p_cents bigint, p_order_id text, p_data text, p_secret_id bytea
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
    card := present_gift_card(p_tenant, p_hmacs, p_secret_id);
    IF card.card_id IS NULL THEN
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
CREATE OR REPLACE FUNCTION redeem_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_number_hmac bytea, p_cents bigint, p_order_id text, p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
BEGIN
    RETURN redeem_gift_card(
        p_tenant, p_key, p_fingerprint, ARRAY[p_number_hmac], p_cents, p_order_id, p_data, NULL
    );
END $$;
