-- release: 0.2.0
-- phase: pre
--
-- As it is (0061, 0072), but for the order that is locked: a refund that names one waits for a redemption of it that is
-- under way. It saw no redemption before, locked no order, and could give back beside a refund of the order itself.
CREATE OR REPLACE FUNCTION refund_gift_card(
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
    -- An order that is named is locked, be it paid with the card or not: its redemption may be under way. That of a
    -- redemption never changes, so it can be found before anything is locked.
    SELECT * INTO paid_for FROM orders WHERE tenant = p_tenant AND order_id = coalesce(order_id_of(p_order_id), (
        SELECT order_id_of(t.order_id) FROM gift_cards c JOIN pos_gift_card_transactions t USING (tenant, card_id)
        WHERE c.tenant = p_tenant AND c.number_hmac = ANY (p_hmacs) AND t.transaction_type = 'redeem'
          AND (p_redemption_id IS NULL OR t.redemption_id::text = lower(p_redemption_id))
          AND (p_order_id IS NULL OR lower(t.order_id) = lower(p_order_id))
        LIMIT 1
    )) FOR UPDATE;
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
            p_tenant, p_key, p_fingerprint, 'not_redeemed', '{"left":' || json_money(p_tenant, left_cents) || '}', NULL
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
        '{"balance":' || json_money(p_tenant, card.balance_cents + p_cents)
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
