-- release: 0.2.0
-- phase: pre
--
-- What was paid for an order, what went back, and what is left to be paid: one function says it for everybody. See
-- docs/decisions/0118-money-of-an-order.md.

-- Money that was given back outside, as a till or the storefront said it.
CREATE TABLE order_refunds (
    refund_id    uuid PRIMARY KEY,
    tenant       text NOT NULL REFERENCES tenants,
    order_id     uuid NOT NULL REFERENCES orders,
    position     integer NOT NULL CHECK (position > 0),
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    -- all refunds of the order, this one too
    total_after_cents bigint NOT NULL CHECK (total_after_cents >= amount_cents),
    reason       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    made_by      text DEFAULT written_by(),
    UNIQUE (order_id, position)
);

-- Payments and refunds are ledgers: of a row a text may go that was about somebody who is forgotten, and nothing else.
CREATE FUNCTION refuse_money_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) || '{"reference":null,"reason":null}' <> to_jsonb(NEW) || '{"reference":null,"reason":null}'
       OR coalesce(to_jsonb(NEW) ->> 'reference', to_jsonb(NEW) ->> 'reason') IS NOT NULL
    THEN
        RAISE EXCEPTION '% is a ledger: rows are added, never changed or removed', TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_payments_append_only BEFORE UPDATE ON order_payments
    FOR EACH ROW EXECUTE FUNCTION refuse_money_change();
CREATE TRIGGER order_payments_stay BEFORE DELETE ON order_payments
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_delete();
CREATE TRIGGER order_refunds_append_only BEFORE UPDATE ON order_refunds
    FOR EACH ROW EXECUTE FUNCTION refuse_money_change();
CREATE TRIGGER order_refunds_stay BEFORE DELETE ON order_refunds
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_delete();

-- All in the currency's smallest unit.
CREATE TYPE money_of_order AS (
    taken      bigint,  -- by payments that are `paid`, and by gift cards
    refunded   bigint,  -- given back outside
    given_back bigint,  -- given back to gift cards
    paid       bigint,  -- `taken` less both: the contract's amountPaid, and the most that may still go back
    due        bigint   -- the order's total less `paid`, not below 0: the contract's amountDue
);

-- The money of an order. In the ledger of gift cards each row that names the order counts by its sign: what a card lost
-- was paid with it, what it got was given back to it.
-- Whoever acts on it holds the order's row FOR UPDATE first (then cards by their id, then the stream's row), and lets
-- no more go back than `paid`: so it never falls below 0.
CREATE FUNCTION order_money(p_order orders) RETURNS money_of_order
LANGUAGE plpgsql STABLE AS $$
DECLARE
    money money_of_order;
    by_cards bigint;
BEGIN
    SELECT coalesce(sum(p.amount_cents), 0) INTO money.taken
    FROM order_payments p WHERE p.order_id = p_order.order_id AND p.status = 'paid';
    SELECT coalesce(sum(-t.amount_cents) FILTER (WHERE t.amount_cents < 0), 0),
           coalesce(sum(t.amount_cents) FILTER (WHERE t.amount_cents > 0), 0)
    INTO by_cards, money.given_back
    FROM pos_gift_card_transactions t WHERE t.tenant = p_order.tenant AND lower(t.order_id) = p_order.order_id::text;
    SELECT coalesce(sum(r.amount_cents), 0) INTO money.refunded
    FROM order_refunds r WHERE r.order_id = p_order.order_id;
    money.taken := money.taken + by_cards;
    money.paid := money.taken - money.refunded - money.given_back;
    money.due := greatest(p_order.total_cents - money.paid, 0);
    RETURN money;
END $$;

-- The contract's amountPaid, as before, and less what was given back outside.
CREATE OR REPLACE FUNCTION order_paid_cents(p_tenant text, p_order_id uuid) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT sum(p.amount_cents) FROM order_payments p WHERE p.order_id = p_order_id AND p.status = 'paid'
    ), 0)::bigint - coalesce((
        SELECT sum(t.amount_cents) FROM pos_gift_card_transactions t
        WHERE t.tenant = p_tenant AND lower(t.order_id) = p_order_id::text
    ), 0)::bigint - coalesce((
        SELECT sum(r.amount_cents) FROM order_refunds r WHERE r.order_id = p_order_id
    ), 0)::bigint
$$;
