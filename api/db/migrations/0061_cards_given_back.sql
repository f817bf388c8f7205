-- release: 0.2.0
-- phase: pre
--
-- What gift cards and points paid can go back: each redemption has a name and is given back once in all, by refunds and by
-- the order's cancel together; cards are topped up and voided. See docs/decisions/0120-money-goes-back.md.
--
-- Everybody locks in this order: the order's row, cards by their id, accounts by their id, the stream's row.
ALTER TABLE gift_cards
    -- what was put on it since it was sold
    ADD COLUMN topped_up_cents bigint NOT NULL DEFAULT 0,
    ADD COLUMN voided_at timestamptz,
    DROP CONSTRAINT gift_cards_check,
    ADD CONSTRAINT gift_cards_holds_what_was_paid
        CHECK (balance_cents BETWEEN 0 AND initial_cents + topped_up_cents) NOT VALID,
    ADD CONSTRAINT gift_cards_voided_is_empty CHECK (voided_at IS NULL OR balance_cents = 0) NOT VALID;
ALTER TABLE pos_gift_card_transactions
    -- a redemption's name; null for one from before
    ADD COLUMN redemption_id uuid,
    -- the line of the redemption that a refund is of
    ADD COLUMN gives_back bigint,
    DROP CONSTRAINT pos_gift_card_transactions_transaction_type_check,
    DROP CONSTRAINT pos_gift_card_transactions_amount_cents_check,
    ADD CONSTRAINT pos_gift_card_transactions_is_a_move CHECK (CASE transaction_type
        WHEN 'purchase' THEN amount_cents > 0 AND gives_back IS NULL
        WHEN 'top_up' THEN amount_cents > 0 AND gives_back IS NULL
        WHEN 'redeem' THEN amount_cents < 0 AND gives_back IS NULL
        WHEN 'refund' THEN amount_cents > 0 AND gives_back IS NOT NULL
        -- of an empty card nothing goes
        WHEN 'void' THEN amount_cents <= 0 AND gives_back IS NULL
        ELSE false
    END) NOT VALID;
ALTER TABLE pos_loyalty_transactions
    -- the order that points were redeemed for, and that they came back from
    ADD COLUMN order_id uuid,
    ADD COLUMN gives_back bigint;

-- Kept apart from the ledger, which is never changed: these are about a customer, who may be forgotten. `event_seq` is the
-- event that says it too.
CREATE TABLE gift_card_notes (
    transaction_id bigint PRIMARY KEY,
    tenant         text NOT NULL REFERENCES tenants,
    card_id        uuid NOT NULL,
    event_seq      bigint NOT NULL,
    reason         text,
    purchased_by   text
);
CREATE INDEX gift_card_notes_by_card ON gift_card_notes (card_id);

-- As before, and an operator is one.
CREATE OR REPLACE FUNCTION by_json(p_made_by text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(CASE
        WHEN p_made_by LIKE 'term/%' THEN (
            SELECT '{"kind":"term","terminalId":"' || t.terminal_id || '","name":' || to_json(t.name) || '}'
            FROM terminals t WHERE t.terminal_id = split_part(p_made_by, '/', 2)::uuid
        )
        WHEN p_made_by LIKE 'store/%' THEN '{"kind":"store"}'
        WHEN p_made_by LIKE 'op/%' THEN '{"kind":"op"}'
        WHEN p_made_by IS NOT NULL THEN '{"kind":"system"}'
    END, 'null')
$$;

-- The order that a text names; null where it can be none's.
CREATE FUNCTION order_id_of(p_text text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN p_text::uuid END
$$;

-- The order of a tenant that a text names, locked; all null where there is none.
CREATE FUNCTION lock_order(p_tenant text, p_order_id text) RETURNS orders
LANGUAGE plpgsql AS $$
DECLARE
    found_order orders;
BEGIN
    SELECT * INTO found_order FROM orders WHERE tenant = p_tenant AND order_id = order_id_of(p_order_id) FOR UPDATE;
    RETURN found_order;
END $$;

-- The status of an order that is in the way of what somebody wants, who made it so, and when.
CREATE FUNCTION standing_json(p_order orders) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{"status":"' || p_order.status || '","by":' || by_json(h.made_by) || ',"at":"' || rfc3339(h.changed_at) || '"}'
    FROM order_status_history h WHERE h.order_id = p_order.order_id ORDER BY h.position DESC LIMIT 1
$$;

-- A card's number as events say it: api/core/gift_cards.py, mask_number; a test compares the two.
CREATE FUNCTION masked_number(p_last4 text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('*', 13) || p_last4 $$;

-- What is left of a redemption: what was taken, less what was given back of it.
CREATE FUNCTION left_of_redemption(p_line pos_gift_card_transactions) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (-p_line.amount_cents - coalesce(sum(b.amount_cents), 0))::bigint FROM pos_gift_card_transactions b
    WHERE b.gives_back = p_line.transaction_id
$$;

-- One line of a card's ledger, its note and its event; `p_card` is the card behind the line. What is null in a note is not
-- in the event.
CREATE FUNCTION note_card_move(
    p_card gift_cards, p_type text, p_event_type text, p_cents bigint, p_order_id text, p_redemption_id uuid,
    p_gives_back bigint, p_reason text, p_purchased_by text
) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    line pos_gift_card_transactions;
    stream tenant_streams;
BEGIN
    INSERT INTO pos_gift_card_transactions (
        tenant, card_id, transaction_type, amount_cents, balance_after_cents, order_id, redemption_id, gives_back
    ) VALUES (
        p_card.tenant, p_card.card_id, p_type, p_cents, p_card.balance_cents, p_order_id, p_redemption_id, p_gives_back
    ) RETURNING * INTO line;
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_card.tenant RETURNING * INTO STRICT stream;
    IF p_reason IS NOT NULL OR p_purchased_by IS NOT NULL THEN
        INSERT INTO gift_card_notes (transaction_id, tenant, card_id, event_seq, reason, purchased_by)
        VALUES (line.transaction_id, p_card.tenant, p_card.card_id, stream.seq, p_reason, p_purchased_by);
    END IF;
    RETURN append_event(
        p_card.tenant, stream.epoch, stream.seq, p_event_type,
        '{"cardNumber":"' || masked_number(p_card.last4) || '","amount":' || json_cents(abs(p_cents))
        || ',"balance":' || json_cents(p_card.balance_cents)
        || ',"orderId":' || coalesce(to_json(p_order_id)::text, 'null')
        || ',"redemptionId":' || coalesce('"' || p_redemption_id || '"', 'null')
        || ',"by":' || by_json(line.made_by)
        || coalesce(',"reason":' || to_json(p_reason), '')
        || coalesce(',"purchasedBy":' || to_json(p_purchased_by), '') || '}'
    );
END $$;

-- Give back a part of one redemption, of a card that is locked.
CREATE FUNCTION give_back(p_line pos_gift_card_transactions, p_cents bigint, p_reason text) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    card gift_cards;
BEGIN
    UPDATE gift_cards SET balance_cents = balance_cents + p_cents WHERE card_id = p_line.card_id
    RETURNING * INTO STRICT card;
    RETURN note_card_move(
        card, 'refund', 'gift_card_refunded', p_cents, p_line.order_id, p_line.redemption_id, p_line.transaction_id,
        p_reason, NULL
    );
END $$;

-- A card is used. The order that it pays for is one of the tenant that is not cancelled. `p_data` is the event's data but
-- for `redemptionId`, `balance` and `by`. What a pod of the release before could not say (`no_order`, `order_cancelled`,
-- `voided`, `too_many`) is not kept; `p_lenient` is for such a one, which names orders by whatever text it likes.
CREATE FUNCTION use_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_hmacs bytea[], p_cents bigint, p_order_id text, p_data text, p_secret_id bytea, p_lenient boolean DEFAULT false
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    paid_for orders;
    card gift_cards;
    line pos_gift_card_transactions;
    stream tenant_streams;
    event committed_event;
    balance text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    stored.replayed := false;
    IF p_order_id IS NOT NULL THEN
        paid_for := lock_order(p_tenant, p_order_id);
        IF paid_for.order_id IS NULL AND NOT p_lenient THEN
            stored.outcome := 'no_order';
            RETURN stored;
        END IF;
        IF paid_for.status = 'cancelled' THEN
            IF p_lenient THEN
                RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'insufficient', '{}', NULL);
            END IF;
            stored.outcome := 'order_cancelled';
            stored.result := standing_json(paid_for);
            RETURN stored;
        END IF;
        -- What a cancel gives back is bounded.
        IF (SELECT count(*) FROM pos_gift_card_transactions t
            WHERE t.tenant = p_tenant AND lower(t.order_id) = paid_for.order_id::text
              AND t.transaction_type = 'redeem') >= 500 AND NOT p_lenient
        THEN
            stored.outcome := 'too_many';
            RETURN stored;
        END IF;
    END IF;
    card := present_gift_card(p_tenant, p_hmacs, p_secret_id);
    IF card.card_id IS NULL THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF card.voided_at IS NOT NULL AND NOT p_lenient THEN
        stored.outcome := 'voided';
        RETURN stored;
    END IF;
    IF card.expiry_date < shop_today(p_tenant) THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'expired', '{}', NULL);
    END IF;
    IF card.balance_cents < p_cents THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'insufficient', '{}', NULL);
    END IF;
    UPDATE gift_cards SET balance_cents = balance_cents - p_cents WHERE card_id = card.card_id
    RETURNING * INTO card;
    INSERT INTO pos_gift_card_transactions (
        tenant, card_id, transaction_type, amount_cents, balance_after_cents, order_id, redemption_id
    ) VALUES (
        p_tenant, card.card_id, 'redeem', -p_cents, card.balance_cents, coalesce(paid_for.order_id::text, p_order_id),
        gen_random_uuid()
    ) RETURNING * INTO line;
    balance := json_cents(card.balance_cents);
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
    event := append_event(
        p_tenant, stream.epoch, stream.seq, 'gift_card_redeemed',
        splice_json(
            '"redemptionId":"' || line.redemption_id || '","balance":' || balance || ',"by":' || by_json(line.made_by),
            p_data
        )
    );
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"balance":' || balance || ',"redemptionId":"' || line.redemption_id
        || '","offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;

-- As pods of the version before call it.
CREATE OR REPLACE FUNCTION redeem_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_hmacs bytea[], p_cents bigint, p_order_id text, p_data text, p_secret_id bytea
) RETURNS write_result
LANGUAGE sql AS $$
    SELECT use_gift_card(p_tenant, p_key, p_fingerprint, p_hmacs, p_cents, p_order_id, p_data, p_secret_id, true)
$$;
CREATE OR REPLACE FUNCTION redeem_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_number_hmac bytea, p_cents bigint, p_order_id text, p_data text
) RETURNS write_result
LANGUAGE sql AS $$
    SELECT use_gift_card(
        p_tenant, p_key, p_fingerprint, ARRAY[p_number_hmac], p_cents, p_order_id, p_data, NULL, true
    )
$$;

-- A part of what a card paid goes back to it: of one redemption, or of all with which it paid for an order, the oldest
-- first. `not_redeemed` says what is `left`, which is no more than is paid for the order at all: what was given back outside
-- is not given back again. Each redemption that is touched has its line and its event.
CREATE FUNCTION refund_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_hmacs bytea[], p_cents bigint, p_redemption_id text, p_order_id text, p_reason text, p_secret_id bytea
) RETURNS SETOF write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    paid_for orders;
    card gift_cards;
    lines bigint[];
    line pos_gift_card_transactions;
    still bigint := p_cents;
    left_cents bigint;
    events committed_event[] := '{}';
    last committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN NEXT stored;
        RETURN;
    END IF;
    -- A redemption's order never changes, so it can be found before anything is locked.
    SELECT * INTO paid_for FROM orders WHERE tenant = p_tenant AND order_id = (
        SELECT order_id_of(t.order_id) FROM gift_cards c JOIN pos_gift_card_transactions t USING (tenant, card_id)
        WHERE c.tenant = p_tenant AND c.number_hmac = ANY (p_hmacs) AND t.transaction_type = 'redeem'
          AND (p_redemption_id IS NULL OR t.redemption_id::text = lower(p_redemption_id))
          AND (p_order_id IS NULL OR lower(t.order_id) = lower(p_order_id))
        LIMIT 1
    ) FOR UPDATE;
    card := present_gift_card(p_tenant, p_hmacs, p_secret_id);
    IF card.card_id IS NULL THEN
        RETURN NEXT idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
        RETURN;
    END IF;
    IF card.voided_at IS NOT NULL THEN
        RETURN NEXT idempotency_keep(p_tenant, p_key, p_fingerprint, 'voided', '{}', NULL);
        RETURN;
    END IF;
    SELECT coalesce(sum(left_of_redemption(t)), 0), array_agg(t.transaction_id ORDER BY t.transaction_id)
    INTO left_cents, lines
    FROM pos_gift_card_transactions t
    WHERE t.card_id = card.card_id AND t.transaction_type = 'redeem'
      AND (p_redemption_id IS NULL OR t.redemption_id::text = lower(p_redemption_id))
      AND (p_order_id IS NULL OR lower(t.order_id) = lower(p_order_id));
    IF paid_for.order_id IS NOT NULL THEN
        left_cents := least(left_cents, greatest((order_money(paid_for)).paid, 0));
    END IF;
    IF left_cents < p_cents THEN
        RETURN NEXT idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'not_redeemed', '{"left":' || json_cents(left_cents) || '}', NULL
        );
        RETURN;
    END IF;
    FOR line IN SELECT * FROM pos_gift_card_transactions WHERE transaction_id = ANY (lines) ORDER BY transaction_id LOOP
        left_cents := least(left_of_redemption(line), still);
        CONTINUE WHEN left_cents = 0;
        last := give_back(line, left_cents, p_reason);
        events := events || last;
        still := still - left_cents;
    END LOOP;
    RETURN NEXT idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"balance":' || json_cents(card.balance_cents + p_cents)
        || ',"offset":"' || last.epoch || '-' || last.seq || '"}',
        events[1]
    );
    stored.outcome := 'ok';
    stored.replayed := false;
    FOREACH last IN ARRAY events[2:] LOOP
        stored.event := last;
        RETURN NEXT stored;
    END LOOP;
END $$;

-- A card gets more. One whose last day has passed where the shop is stays as it is (`expired`, which is not kept).
CREATE FUNCTION top_up_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_hmacs bytea[], p_cents bigint, p_purchased_by text, p_secret_id bytea
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    card gift_cards;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    card := present_gift_card(p_tenant, p_hmacs, p_secret_id);
    IF card.card_id IS NULL THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF card.voided_at IS NOT NULL THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'voided', '{}', NULL);
    END IF;
    IF card.expiry_date < shop_today(p_tenant) THEN
        stored.outcome := 'expired';
        stored.replayed := false;
        RETURN stored;
    END IF;
    UPDATE gift_cards SET balance_cents = balance_cents + p_cents, topped_up_cents = topped_up_cents + p_cents
    WHERE card_id = card.card_id
    RETURNING * INTO card;
    event := note_card_move(card, 'top_up', 'gift_card_topped_up', p_cents, NULL, NULL, NULL, NULL, p_purchased_by);
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"balance":' || json_cents(card.balance_cents)
        || ',"expiryDate":' || coalesce('"' || card.expiry_date || '"', 'null')
        || ',"offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;

-- A card ends, with what is on it.
CREATE FUNCTION void_gift_card(
    p_tenant text, p_key text, p_fingerprint bytea, p_hmacs bytea[], p_reason text, p_secret_id bytea
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    card gift_cards;
    gone bigint;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    card := present_gift_card(p_tenant, p_hmacs, p_secret_id);
    IF card.card_id IS NULL THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF card.voided_at IS NOT NULL THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'voided', '{}', NULL);
    END IF;
    gone := card.balance_cents;
    UPDATE gift_cards SET balance_cents = 0, voided_at = clock_timestamp() WHERE card_id = card.card_id
    RETURNING * INTO card;
    event := note_card_move(card, 'void', 'gift_card_voided', -gone, NULL, NULL, NULL, p_reason, NULL);
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"balance":' || json_cents(0) || ',"offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;

-- One change of an account that is locked, as before, with the order that it is for, and the line that it undoes.
CREATE FUNCTION move_points(
    p_account loyalty_accounts, p_type text, p_change bigint, p_reason text, p_data text, p_order_id uuid,
    p_gives_back bigint
) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    account loyalty_accounts;
    stream tenant_streams;
BEGIN
    UPDATE loyalty_accounts SET points = points + p_change WHERE customer_id = p_account.customer_id
    RETURNING * INTO STRICT account;
    INSERT INTO pos_loyalty_transactions (
        tenant, customer_id, transaction_type, points_change, balance_after, reason, order_id, gives_back
    ) VALUES (
        account.tenant, account.customer_id, p_type, p_change, account.points, p_reason, p_order_id, p_gives_back
    );
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = account.tenant RETURNING * INTO STRICT stream;
    RETURN append_event(
        account.tenant, stream.epoch, stream.seq, 'loyalty_updated',
        splice_json('"customerId":"' || account.customer_id || '","newBalance":' || account.points, p_data)
    );
END $$;
CREATE OR REPLACE FUNCTION move_points(
    p_account loyalty_accounts, p_type text, p_change bigint, p_reason text, p_data text
) RETURNS committed_event
LANGUAGE sql AS $$ SELECT move_points(p_account, p_type, p_change, p_reason, p_data, NULL, NULL) $$;

-- Points are added or redeemed, as before; those that are redeemed may pay for an order of the tenant that is not
-- cancelled (`no_order`, `order_cancelled`).
CREATE FUNCTION change_points(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_phone text, p_number text, p_type text, p_change bigint, p_reason text, p_data text, p_order_id text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    paid_for orders;
    account loyalty_accounts;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    IF p_order_id IS NOT NULL THEN
        paid_for := lock_order(p_tenant, p_order_id);
        IF paid_for.order_id IS NULL THEN
            RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'no_order', '{}', NULL);
        END IF;
        IF paid_for.status = 'cancelled' THEN
            RETURN idempotency_keep(
                p_tenant, p_key, p_fingerprint, 'order_cancelled', standing_json(paid_for), NULL
            );
        END IF;
        -- What a cancel gives back is bounded.
        IF (SELECT count(*) FROM pos_loyalty_transactions t
            WHERE t.tenant = p_tenant AND t.order_id = paid_for.order_id) >= 500
        THEN
            RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'too_many', '{}', NULL);
        END IF;
    END IF;
    account := open_account(p_tenant, p_phone, p_number, p_change > 0);
    IF account.customer_id IS NULL THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF account.points + p_change < 0 THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'insufficient', '{}', NULL);
    END IF;
    event := move_points(account, p_type, p_change, p_reason, p_data, paid_for.order_id, NULL);
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"customerId":"' || account.customer_id || '","newBalance":' || account.points + p_change
        || ',"offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;
CREATE OR REPLACE FUNCTION change_points(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_phone text, p_number text, p_type text, p_change bigint, p_reason text, p_data text
) RETURNS write_result
LANGUAGE sql AS $$
    SELECT change_points(p_tenant, p_key, p_fingerprint, p_phone, p_number, p_type, p_change, p_reason, p_data, NULL)
$$;

-- The account that has the points of another one: itself, or the one that it was joined to.
CREATE FUNCTION account_behind(p_customer_id uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE chain AS (
        SELECT customer_id, joined_to FROM loyalty_accounts WHERE customer_id = p_customer_id
        UNION ALL
        SELECT a.customer_id, a.joined_to FROM chain c JOIN loyalty_accounts a ON a.customer_id = c.joined_to
    )
    SELECT customer_id FROM chain WHERE joined_to IS NULL
$$;

-- Lock all that an order which is cancelled gives back to. Returns what cannot go back, because its card was voided, as
-- the members of a JSON array; null where there is none. No more goes back in all than is paid for the order, which is
-- less where something was given back outside.
CREATE FUNCTION lock_what_paid(p_order orders) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    accounts uuid[];
    use pos_gift_card_transactions;
    still bigint;
    kept bigint;
    lost text;
BEGIN
    PERFORM FROM gift_cards WHERE card_id IN (
        SELECT t.card_id FROM pos_gift_card_transactions t
        WHERE t.tenant = p_order.tenant AND lower(t.order_id) = p_order.order_id::text
    ) ORDER BY card_id FOR UPDATE;
    LOOP
        accounts := ARRAY(
            SELECT account_behind(l.customer_id) FROM pos_loyalty_transactions l
            WHERE l.tenant = p_order.tenant AND l.order_id = p_order.order_id
        );
        PERFORM FROM loyalty_accounts WHERE customer_id = ANY (accounts) ORDER BY customer_id FOR UPDATE;
        -- One that was joined while this waited is another's name now.
        EXIT WHEN NOT EXISTS (
            SELECT FROM loyalty_accounts WHERE customer_id = ANY (accounts) AND joined_to IS NOT NULL
        );
    END LOOP;
    still := greatest((order_money(p_order)).paid, 0) - coalesce((
        SELECT sum(left_of_redemption(t)) FROM pos_gift_card_transactions t JOIN gift_cards c USING (tenant, card_id)
        WHERE t.tenant = p_order.tenant AND lower(t.order_id) = p_order.order_id::text
          AND t.transaction_type = 'redeem' AND c.voided_at IS NULL
    ), 0);
    FOR use IN
        SELECT t.* FROM pos_gift_card_transactions t JOIN gift_cards c USING (tenant, card_id)
        WHERE t.tenant = p_order.tenant AND lower(t.order_id) = p_order.order_id::text
          AND t.transaction_type = 'redeem' AND c.voided_at IS NOT NULL
        ORDER BY t.transaction_id
    LOOP
        kept := least(left_of_redemption(use), still);
        CONTINUE WHEN kept <= 0;
        still := still - kept;
        lost := coalesce(lost || ',', '') || '{"cardNumber":"'
            || masked_number((SELECT last4 FROM gift_cards WHERE card_id = use.card_id)) || '","redemptionId":'
            || coalesce('"' || use.redemption_id || '"', 'null') || ',"amount":' || json_cents(kept) || '}';
    END LOOP;
    RETURN lost;
END $$;

-- Give back what cards and points paid for an order that was cancelled, and is locked with them.
CREATE FUNCTION return_what_paid(p_order orders) RETURNS SETOF committed_event
LANGUAGE plpgsql AS $$
DECLARE
    use pos_gift_card_transactions;
    still bigint := greatest((order_money(p_order)).paid, 0);
    back bigint;
    redeemed pos_loyalty_transactions;
    account loyalty_accounts;
    reason text := 'order ' || order_number(p_order.order_seq) || ' cancelled';
BEGIN
    FOR use IN
        SELECT t.* FROM pos_gift_card_transactions t JOIN gift_cards c USING (tenant, card_id)
        WHERE t.tenant = p_order.tenant AND lower(t.order_id) = p_order.order_id::text
          AND t.transaction_type = 'redeem' AND c.voided_at IS NULL
        ORDER BY t.transaction_id
    LOOP
        back := least(left_of_redemption(use), still);
        CONTINUE WHEN back = 0;
        still := still - back;
        RETURN NEXT give_back(use, back, NULL);
    END LOOP;
    FOR redeemed IN
        SELECT l.* FROM pos_loyalty_transactions l
        WHERE l.tenant = p_order.tenant AND l.order_id = p_order.order_id AND l.transaction_type = 'redeem'
        ORDER BY l.transaction_id
    LOOP
        SELECT * INTO STRICT account FROM loyalty_accounts WHERE customer_id = account_behind(redeemed.customer_id);
        RETURN NEXT move_points(
            account, 'add', -redeemed.points_change, reason,
            '{"customerPhone":' || CASE WHEN account.phone LIKE 'erased-%' THEN 'null'
                                        ELSE to_json(coalesce(account.number, account.phone))::text END
            || ',"pointsChange":' || -redeemed.points_change || ',"transactionType":"add","reason":"' || reason || '"}',
            p_order.order_id, redeemed.transaction_id
        );
    END LOOP;
END $$;

-- A step, as before; a cancel gives back what gift cards and points paid, and says what cannot go back.
CREATE OR REPLACE FUNCTION step_order(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_status text, p_from text[],
    p_reason text, p_ready_at timestamptz
) RETURNS SETOF write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    changed orders;
    stream tenant_streams;
    event committed_event;
    earned bigint := 0;
    last order_status_history;
    lost text;
    members text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN NEXT stored;
        RETURN;
    END IF;
    SELECT * INTO changed FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NEXT idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
        RETURN;
    END IF;
    IF changed.status <> ALL (p_from) THEN
        RETURN NEXT idempotency_keep(p_tenant, p_key, p_fingerprint, 'wrong_step', standing_json(changed), NULL);
        RETURN;
    END IF;
    UPDATE orders SET status = p_status, updated_at = now() WHERE order_id = p_order_id;
    -- Rows of orders, then of unseen_orders, then of tenant_streams: everybody locks in this order.
    IF changed.status = 'pending' AND changed.event_seq IS NOT NULL THEN
        DELETE FROM unseen_orders WHERE tenant = p_tenant AND event_seq = changed.event_seq;
    END IF;
    INSERT INTO order_status_history (order_id, position, status)
    SELECT p_order_id, max(position) + 1, p_status FROM order_status_history WHERE order_id = p_order_id
    RETURNING * INTO last;
    IF p_reason IS NOT NULL OR p_ready_at IS NOT NULL THEN
        INSERT INTO order_step_notes (tenant, order_id, position, reason, ready_at)
        VALUES (p_tenant, p_order_id, last.position, p_reason, p_ready_at);
    END IF;
    members := '"orderId":"' || p_order_id || '","orderNumber":"' || order_number(changed.order_seq)
        || '","status":"' || p_status || '","previousStatus":"' || changed.status || '","by":' || by_json(last.made_by)
        || coalesce(',"reason":' || to_json(p_reason), '')
        || coalesce(',"readyAt":"' || rfc3339(p_ready_at) || '"', '');
    IF p_status = 'completed' THEN
        earned := order_points(changed);
    ELSIF p_status = 'cancelled' THEN
        lost := lock_what_paid(changed);
    END IF;
    IF earned > 0 THEN
        PERFORM lock_account(p_tenant, phone_digits(changed.customer_phone));
    END IF;
    IF changed.event_seq IS NOT NULL THEN
        UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
        event := append_event(p_tenant, stream.epoch, stream.seq, 'order_updated', '{' || members || '}');
    END IF;
    RETURN NEXT idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{' || members || coalesce(',"giftCardsNotReturned":[' || lost || ']', '')
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
    stored.outcome := 'ok';
    stored.replayed := false;
    IF earned > 0 THEN
        stored.event := earn_order_points(changed, earned);
        RETURN NEXT stored;
    ELSIF p_status = 'cancelled' THEN
        FOR event IN SELECT * FROM return_what_paid(changed) LOOP
            stored.event := event;
            RETURN NEXT stored;
        END LOOP;
    END IF;
END $$;
