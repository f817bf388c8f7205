-- release: 0.2.0
-- phase: pre
--
-- A shop that sold before it had a currency may be given one of two decimals: its amounts were counted in hundredths, and
-- stay what they are. Otherwise as in 0072: not changed, and not taken away, while the shop has an order, a card or points.
CREATE OR REPLACE FUNCTION tenant_currency_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM FROM tenant_streams WHERE tenant = NEW.tenant FOR NO KEY UPDATE;
        IF (OLD.currency IS NOT NULL OR currency_decimals(NEW.currency) <> 2)
           AND (EXISTS (SELECT FROM orders WHERE tenant = NEW.tenant)
                OR EXISTS (SELECT FROM gift_cards WHERE tenant = NEW.tenant)
                OR EXISTS (SELECT FROM loyalty_accounts WHERE tenant = NEW.tenant))
        THEN
            RAISE EXCEPTION 'the tenant has amounts already' USING ERRCODE = 'BW005';
        END IF;
    END IF;
    IF currency_decimals(NEW.currency) <> 2 AND NOT any_decimals() THEN
        RAISE EXCEPTION 'pods of the release before reckon with two decimals' USING ERRCODE = 'BW006';
    END IF;
    RETURN NEW;
END $$;
