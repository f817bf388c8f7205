-- release: 0.2.0
-- phase: pre
--
-- A phone number is read once, at the door, and what was found is stored beside the text. See
-- docs/decisions/0113-one-number.md.

ALTER TABLE tenants
    -- where a national number is from; null is nowhere
    ADD COLUMN country text CHECK (country ~ '^[A-Z]{2}$'),
    -- the country by which every loyalty account's number was read
    ADD COLUMN accounts_read_in text;
CREATE INDEX tenants_accounts_due ON tenants (tenant)
    WHERE country IS NOT NULL AND country IS DISTINCT FROM accounts_read_in;

-- `+` and all digits, or the bare digits of a number of no known country; '' is what is no number, and null what nobody
-- has read: an order from before, or by an older pod.
ALTER TABLE orders ADD COLUMN customer_number text;

ALTER TABLE loyalty_accounts
    -- the number likewise; `phone` is its digits, by which the account is found
    ADD COLUMN number text,
    ADD COLUMN read_in text,
    -- the account that has its points: this one is another name of it, and nothing else
    ADD COLUMN joined_to uuid;

-- Accounts by bare digits that came up in a shop that has a country.
CREATE TABLE accounts_to_read (
    customer_id uuid PRIMARY KEY REFERENCES loyalty_accounts ON DELETE CASCADE,
    tenant      text NOT NULL
);

-- The number of an order that nobody has read, by the rule of before.
CREATE FUNCTION number_before(p_given text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_given ~ '^[ \t\n\r\x0b\f]*(\+|\(*0[^0-9]*0)' THEN '+' ELSE '' END || phone_digits(p_given)
$$;

-- The data of an event that is made here for an older pod, with the number.
CREATE OR REPLACE FUNCTION new_order_data(
    p_order_type text, p_customer_name text, p_customer_phone text, p_customer_email text,
    p_special_instructions text, p_total text, p_names text[], p_quantities integer[], p_unit_prices bigint[],
    p_notes text[]
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{"status":"pending","orderType":' || to_json(p_order_type)::text
        || ',"customerName":' || to_json(p_customer_name)::text
        || ',"customerPhone":' || coalesce(to_json(p_customer_phone)::text, 'null')
        || ',"customerPhoneNumber":' || coalesce(to_json(number_before(p_customer_phone))::text, 'null')
        || ',"customerEmail":' || coalesce(to_json(p_customer_email)::text, 'null')
        || ',"items":[' || coalesce(string_agg(
               '{"name":' || to_json(i.name)::text || ',"quantity":' || i.quantity
               || ',"unitPrice":' || json_cents(i.unit_price)
               || ',"notes":' || coalesce(to_json(i.notes)::text, 'null') || '}', ',' ORDER BY i.position
           ), '')
        || '],"totalAmount":' || p_total
        || ',"specialInstructions":' || coalesce(to_json(p_special_instructions)::text, 'null') || '}'
    FROM unnest(p_names, p_quantities, p_unit_prices, p_notes)
         WITH ORDINALITY AS i (name, quantity, unit_price, notes, position)
$$;

-- The digits by which an order's number is compared; null where it has none.
CREATE FUNCTION order_phone(p_number text, p_given text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_number IS NULL THEN phone_digits(p_given) ELSE nullif(ltrim(p_number, '+'), '') END
$$;

-- A number goes with the text that it was read from, whoever takes that away.
CREATE FUNCTION drop_order_number() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.customer_number := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_number_goes BEFORE UPDATE OF customer_phone ON orders
    FOR EACH ROW WHEN (NEW.customer_phone IS NULL AND NEW.customer_number IS NOT NULL)
    EXECUTE FUNCTION drop_order_number();

-- Orders are found by the number, in the next file.
DROP INDEX IF EXISTS orders_by_phone;

-- The account that a number's points are on: its own, or the one that it was joined to.
CREATE FUNCTION account_of(p_tenant text, p_digits text) RETURNS uuid
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE chain AS (
        SELECT customer_id, joined_to FROM loyalty_accounts WHERE tenant = p_tenant AND phone = p_digits
        UNION ALL
        SELECT a.customer_id, a.joined_to FROM chain c JOIN loyalty_accounts a ON a.customer_id = c.joined_to
    )
    SELECT customer_id FROM chain WHERE joined_to IS NULL
$$;

-- The same, locked, and made where there is none and `p_make` says so. Before the stream's row, as everywhere: whoever
-- changes points locks in this order, or two of them would wait for each other.
CREATE FUNCTION open_account(p_tenant text, p_digits text, p_number text, p_make boolean) RETURNS loyalty_accounts
LANGUAGE plpgsql AS $$
DECLARE
    account loyalty_accounts;
BEGIN
    LOOP
        SELECT * INTO account FROM loyalty_accounts WHERE customer_id = account_of(p_tenant, p_digits) FOR UPDATE;
        -- One that was joined while this waited is another's name now.
        IF FOUND AND account.joined_to IS NULL THEN
            RETURN account;
        END IF;
        IF NOT FOUND THEN
            IF NOT p_make THEN
                RETURN NULL;
            END IF;
            INSERT INTO loyalty_accounts (tenant, phone, number) VALUES (p_tenant, p_digits, p_number)
            ON CONFLICT DO NOTHING RETURNING * INTO account;
            IF FOUND AND coalesce(p_number, '') NOT LIKE '+%' THEN
                INSERT INTO accounts_to_read (customer_id, tenant)
                SELECT account.customer_id, p_tenant FROM tenants t WHERE t.tenant = p_tenant AND t.country IS NOT NULL;
            END IF;
        END IF;
    END LOOP;
END $$;

-- One change of an account that is locked: its row, its ledger, its event.
CREATE FUNCTION move_points(
    p_account loyalty_accounts, p_type text, p_change bigint, p_reason text, p_data text
) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    account loyalty_accounts;
    stream tenant_streams;
BEGIN
    UPDATE loyalty_accounts SET points = points + p_change WHERE customer_id = p_account.customer_id
    RETURNING * INTO STRICT account;
    INSERT INTO pos_loyalty_transactions (tenant, customer_id, transaction_type, points_change, balance_after, reason)
    VALUES (account.tenant, account.customer_id, p_type, p_change, account.points, p_reason);
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = account.tenant RETURNING * INTO STRICT stream;
    RETURN append_event(
        account.tenant, stream.epoch, stream.seq, 'loyalty_updated',
        splice_json('"customerId":"' || account.customer_id || '","newBalance":' || account.points, p_data)
    );
END $$;

-- Points are added (which makes the account when there is none) or redeemed. `p_phone` are a number's digits, `p_number`
-- is how it was read; null is how nobody knows.
-- `p_data` is the event's data but for `customerId` and `newBalance`. Outcomes: `ok`, `not_found`, `insufficient`.
CREATE FUNCTION change_points(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_phone text, p_number text, p_type text, p_change bigint, p_reason text, p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    account loyalty_accounts;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    account := open_account(p_tenant, p_phone, p_number, p_change > 0);
    IF account.customer_id IS NULL THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
    END IF;
    IF account.points + p_change < 0 THEN
        RETURN idempotency_keep(p_tenant, p_key, p_fingerprint, 'insufficient', '{}', NULL);
    END IF;
    event := move_points(account, p_type, p_change, p_reason, p_data);
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"customerId":"' || account.customer_id || '","newBalance":' || account.points + p_change
        || ',"offset":"' || event.epoch || '-' || event.seq || '"}',
        event
    );
END $$;

-- As pods of the version before call it, with digits alone.
CREATE OR REPLACE FUNCTION change_loyalty(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_phone text, p_type text, p_change bigint, p_reason text, p_data text
) RETURNS write_result
LANGUAGE sql AS $$
    SELECT change_points(p_tenant, p_key, p_fingerprint, p_phone, NULL, p_type, p_change, p_reason, p_data)
$$;

-- Some accounts' numbers are read in the tenant's country: `p_numbers` has the new one of each, or null where it stays.
-- An account gets its number, and the digits that it was found by stay another name of it; where there is an account of
-- that number already, the younger of the two becomes another name of the older one, which gets its points.
-- Nothing is done for accounts that were read meanwhile, by another country, or while another pod is at this tenant's.
CREATE FUNCTION read_accounts(p_tenant text, p_country text, p_accounts uuid[], p_numbers text[])
RETURNS SETOF committed_event
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    mine loyalty_accounts;
    theirs loyalty_accounts;
    older loyalty_accounts;
    younger loyalty_accounts;
    named text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('bellwire.accounts/' || p_tenant, 0))
       OR NOT EXISTS (SELECT FROM tenants WHERE tenant = p_tenant AND country = p_country) THEN
        RETURN;
    END IF;
    -- All that may be needed is locked at once, in one order, before the stream's row.
    PERFORM FROM loyalty_accounts WHERE customer_id IN (
        SELECT unnest(p_accounts)
        UNION SELECT account_of(p_tenant, ltrim(n, '+')) FROM unnest(p_numbers) AS n
        UNION SELECT a.customer_id FROM unnest(p_numbers) AS n
              JOIN loyalty_accounts a ON a.tenant = p_tenant AND a.phone = ltrim(n, '+')
    ) ORDER BY customer_id FOR UPDATE;
    FOR one IN SELECT * FROM unnest(p_accounts, p_numbers) AS o (customer_id, number) LOOP
        SELECT * INTO mine FROM loyalty_accounts WHERE customer_id = one.customer_id AND tenant = p_tenant;
        CONTINUE WHEN NOT FOUND OR mine.joined_to IS NOT NULL OR mine.read_in IS NOT DISTINCT FROM p_country;
        named := ltrim(one.number, '+');
        IF named IS NULL OR named = mine.phone THEN
            UPDATE loyalty_accounts SET read_in = p_country, number = coalesce(one.number, number)
            WHERE customer_id = mine.customer_id;
            CONTINUE;
        END IF;
        SELECT * INTO theirs FROM loyalty_accounts WHERE customer_id = account_of(p_tenant, named);
        IF NOT FOUND THEN
            INSERT INTO loyalty_accounts (tenant, phone, read_in, joined_to, created_at)
            SELECT p_tenant, 'moves-' || mine.customer_id, p_country, mine.customer_id, mine.created_at;
            UPDATE loyalty_accounts SET phone = named, number = one.number, read_in = p_country
            WHERE customer_id = mine.customer_id;
            UPDATE loyalty_accounts SET phone = mine.phone WHERE tenant = p_tenant AND phone = 'moves-' || mine.customer_id;
            CONTINUE;
        END IF;
        IF theirs.customer_id = mine.customer_id THEN
            UPDATE loyalty_accounts SET read_in = p_country WHERE customer_id = mine.customer_id;
            CONTINUE;
        END IF;
        IF (mine.created_at, mine.customer_id) < (theirs.created_at, theirs.customer_id) THEN
            older := mine;
            younger := theirs;
        ELSE
            older := theirs;
            younger := mine;
        END IF;
        IF younger.points > 0 THEN
            RETURN NEXT move_points(
                younger, 'redeem', -younger.points, 'joined with ' || older.customer_id,
                '{"customerPhone":' || to_json(one.number)::text || ',"pointsChange":' || -younger.points
                || ',"transactionType":"redeem","reason":"joined with ' || older.customer_id || '"}'
            );
            RETURN NEXT move_points(
                older, 'add', younger.points, 'joined with ' || younger.customer_id,
                '{"customerPhone":' || to_json(one.number)::text || ',"pointsChange":' || younger.points
                || ',"transactionType":"add","reason":"joined with ' || younger.customer_id || '"}'
            );
        END IF;
        IF younger.phone = named THEN
            -- They change places: the one that stays is found by the number itself.
            UPDATE loyalty_accounts SET phone = 'moves-' || customer_id WHERE customer_id = younger.customer_id;
            UPDATE loyalty_accounts SET phone = named WHERE customer_id = older.customer_id;
            UPDATE loyalty_accounts SET phone = older.phone WHERE customer_id = younger.customer_id;
        END IF;
        UPDATE loyalty_accounts SET read_in = p_country, number = NULL, joined_to = older.customer_id
        WHERE customer_id = younger.customer_id;
        UPDATE loyalty_accounts SET read_in = p_country, number = one.number WHERE customer_id = older.customer_id;
    END LOOP;
    DELETE FROM accounts_to_read WHERE customer_id = ANY (p_accounts);
END $$;

-- A pod's reading of an order's phone comes in by a setting of the transaction, `bellwire.phone`, so that no writing
-- function has to hand it on: `country/number/members`. The country is the one that the number was read in
-- ('' is none, `*` that it does not matter); the members are added to the answer.
CREATE FUNCTION take_order_number() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    said text := current_setting('bellwire.phone', true);
    read_in text := split_part(said, '/', 1);
    home text;
BEGIN
    IF read_in <> '*' THEN
        SELECT coalesce(country, '') INTO home FROM tenants WHERE tenant = NEW.tenant;
        IF home <> read_in THEN
            RAISE EXCEPTION 'the number of an order has to be read in another country'
                USING ERRCODE = 'BW002', DETAIL = home;
        END IF;
    END IF;
    IF NEW.customer_phone IS NOT NULL THEN
        NEW.customer_number := split_part(said, '/', 2);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_number_comes BEFORE INSERT ON orders
    FOR EACH ROW WHEN (current_setting('bellwire.phone', true) <> '') EXECUTE FUNCTION take_order_number();

-- An answer with those members.
CREATE FUNCTION with_members(p_outcome text, p_result text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_outcome = 'ok' AND said <> ''
                THEN left(p_result, -1) || ',' || regexp_replace(said, '^[^/]*/[^/]*/', '') || '}'
                ELSE p_result END
    FROM current_setting('bellwire.phone', true) AS said
$$;

-- As it is, and what is kept and handed back is the whole answer.
DO $$
DECLARE
    form regprocedure := 'idempotency_keep(text, text, bytea, text, text, committed_event)'::regprocedure;
BEGIN
    EXECUTE regexp_replace(
        pg_get_functiondef(form), '\nBEGIN\n', E'\nBEGIN\n    p_result := with_members(p_outcome, p_result);\n'
    );
END $$;

-- How many points an order earns when it is completed. Where it earns any, the account that they go to is made, if need
-- be, and locked: before the stream's row, as everywhere.
CREATE OR REPLACE FUNCTION order_points(p_order orders) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    digits text := order_phone(p_order.customer_number, p_order.customer_phone);
    earned bigint := 0;
BEGIN
    IF p_order.event_seq IS NOT NULL AND digits IS NOT NULL THEN
        SELECT coalesce(floor(p_order.total_cents * points_per_unit / 100), 0)::bigint INTO earned
        FROM tenants WHERE tenant = p_order.tenant;
    END IF;
    IF earned > 0 THEN
        PERFORM open_account(p_order.tenant, digits, p_order.customer_number, true);
    END IF;
    RETURN earned;
END $$;
CREATE OR REPLACE FUNCTION lock_account(p_tenant text, p_digits text) RETURNS void
LANGUAGE sql AS $$ $$;

-- Add what an order earned, and tell it.
CREATE OR REPLACE FUNCTION earn_order_points(p_order orders, earned bigint) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    account loyalty_accounts := open_account(
        p_order.tenant, order_phone(p_order.customer_number, p_order.customer_phone), p_order.customer_number, true
    );
    reason text := 'order ' || order_number(p_order.order_seq);
BEGIN
    RETURN move_points(
        account, 'add', earned, reason,
        '{"customerPhone":' || to_json(p_order.customer_phone)::text || ',"pointsChange":' || earned
        || ',"transactionType":"add","reason":"' || reason || '"}'
    );
END $$;
