-- release: 0.2.0
-- phase: pre
--
-- A tenant may have a currency, and amounts then have its decimals: they are whole numbers of its smallest unit in every
-- column that is called `…_cents`. A tenant without one has two decimals, as before. See docs/decisions/0119-currencies.md.
ALTER TABLE tenants ADD COLUMN currency text CHECK (currency ~ '^[A-Z]{3}$');

-- api/core/currency.py has the same; a test compares the two. Null is no currency.
CREATE FUNCTION currency_decimals(p_currency text) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_currency IN (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ) THEN 0
        WHEN p_currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
        ELSE 2
    END
$$;

-- An amount as a JSON number with so many decimals; never through a float.
CREATE FUNCTION money_text(p_cents bigint, p_decimals integer) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_decimals
        WHEN 2 THEN (p_cents / 100.0)::numeric(20, 2)::text
        WHEN 0 THEN p_cents::text
        ELSE (p_cents / 1000.0)::numeric(20, 3)::text
    END
$$;

-- How many decimals a tenant's amounts have.
CREATE FUNCTION tenant_decimals(p_tenant text) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT currency_decimals(currency) FROM tenants WHERE tenant = p_tenant);
END $$;

-- An amount of a tenant's as a JSON number.
CREATE FUNCTION json_money(p_tenant text, p_cents bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN money_text(p_cents, tenant_decimals(p_tenant));
END $$;

-- Whether currencies with other decimals than two are taken: pods of the release before read and write two, so not before
-- the post-migration.
CREATE FUNCTION any_decimals() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;

-- A currency is given to a tenant that has no amounts yet. Whoever makes the first order or the first card holds the
-- stream's row, too, and looks at the currency behind that lock (check_currency): so no amount is read in another one.
CREATE FUNCTION tenant_currency_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM FROM tenant_streams WHERE tenant = NEW.tenant FOR NO KEY UPDATE;
        IF EXISTS (SELECT FROM orders WHERE tenant = NEW.tenant)
           OR EXISTS (SELECT FROM gift_cards WHERE tenant = NEW.tenant)
           OR EXISTS (SELECT FROM loyalty_accounts WHERE tenant = NEW.tenant)
        THEN
            RAISE EXCEPTION 'the tenant has amounts already' USING ERRCODE = 'BW005';
        END IF;
    END IF;
    IF currency_decimals(NEW.currency) <> 2 AND NOT any_decimals() THEN
        RAISE EXCEPTION 'pods of the release before reckon with two decimals' USING ERRCODE = 'BW006';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenants_currency_comes BEFORE INSERT ON tenants
    FOR EACH ROW WHEN (NEW.currency IS NOT NULL) EXECUTE FUNCTION tenant_currency_changes();
CREATE TRIGGER tenants_currency_changes BEFORE UPDATE OF currency ON tenants
    FOR EACH ROW WHEN (NEW.currency IS DISTINCT FROM OLD.currency) EXECUTE FUNCTION tenant_currency_changes();

-- The currency in which a pod read a request's amounts comes in by a setting of the transaction, `bellwire.currency` (`-`
-- is none; '' where there are no amounts), so that no writing function has to hand it on. One that is not the tenant's
-- ends the write, and the pod reads anew.
CREATE FUNCTION check_currency(p_tenant text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    home text;
BEGIN
    SELECT coalesce(currency, '-') INTO home FROM tenants WHERE tenant = p_tenant;
    IF home <> current_setting('bellwire.currency', true) THEN
        RAISE EXCEPTION 'the amounts have to be read in another currency' USING ERRCODE = 'BW004', DETAIL = home;
    END IF;
END $$;

-- As it is, and every writing function ends with it: behind the stream's lock, where something was written.
DO $$
DECLARE
    form regprocedure := 'idempotency_keep(text, text, bytea, text, text, committed_event)'::regprocedure;
BEGIN
    EXECUTE regexp_replace(
        pg_get_functiondef(form), '\nBEGIN\n',
        E'\nBEGIN\n    IF current_setting(''bellwire.currency'', true) <> '''' THEN\n        PERFORM check_currency(p_tenant);\n'
        '    END IF;\n'
    );
END $$;

-- Each function that writes an amount for a tenant writes it with that one's decimals; nothing else of them is changed.
-- What is for pods of the release before alone goes on with two.
DO $$
DECLARE
    form record;
BEGIN
    FOR form IN
        SELECT oid, CASE WHEN 'p_tenant' = ANY (proargnames) THEN 'p_tenant'
                         WHEN 'p_order' = ANY (proargnames) THEN 'p_order.tenant'
                         WHEN 'p_card' = ANY (proargnames) THEN 'p_card.tenant' END AS tenant
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND position('json_cents(' IN prosrc) > 0
    LOOP
        CONTINUE WHEN form.tenant IS NULL;
        EXECUTE replace(pg_get_functiondef(form.oid), 'json_cents(', 'json_money(' || form.tenant || ', ');
    END LOOP;
END $$;

-- How many points an order earns when it is completed, as before: per unit of money, whatever its decimals.
CREATE OR REPLACE FUNCTION order_points(p_order orders) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    digits text := order_phone(p_order.customer_number, p_order.customer_phone);
    earned bigint := 0;
BEGIN
    IF p_order.event_seq IS NOT NULL AND digits IS NOT NULL THEN
        SELECT coalesce(floor(
            p_order.total_cents * points_per_unit / CASE currency_decimals(currency) WHEN 0 THEN 1 WHEN 3 THEN 1000 ELSE 100 END
        ), 0)::bigint INTO earned
        FROM tenants WHERE tenant = p_order.tenant;
    END IF;
    IF earned > 0 THEN
        PERFORM open_account(p_order.tenant, digits, p_order.customer_number, true);
    END IF;
    RETURN earned;
END $$;

-- The lines of an order as answers say them; the bytes are those of api/core/order_items.py, Item.document.
CREATE FUNCTION order_items_json(p_tenant text, p_order_id uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    decimals integer := tenant_decimals(p_tenant);
BEGIN
    RETURN (
        SELECT coalesce('[' || string_agg(
            '{"name":' || to_json(i.name) || ',"quantity":'
            || coalesce(trim_scale(i.quantity_milli / 1000.0), i.quantity)
            || ',"unitPrice":' || money_text(i.unit_price_cents, decimals)
            || ',"notes":' || coalesce(to_json(i.notes)::text, 'null')
            || coalesce(',' || substr(i.more::text, 2), '}'), ',' ORDER BY i.position
        ) || ']', '[]')
        FROM order_items i WHERE i.order_id = p_order_id
    );
END $$;
