-- release: 0.2.0
-- phase: pre
--
-- A shop's day is that of its time zone: for gift cards, reports and searches.

-- The shop's date now.
CREATE FUNCTION shop_today(p_tenant text) RETURNS date
LANGUAGE sql STABLE AS $$
    SELECT (now() AT TIME ZONE time_zone)::date FROM tenants WHERE tenant = p_tenant
$$;

-- The moment at which a day begins in a zone. Where clocks are put back over midnight it comes twice, and the first one
-- counts; where they are put forward over it, the day begins with its first minute that there is.
CREATE FUNCTION day_begins(p_day date, p_zone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (before AT TIME ZONE p_zone)::date = p_day THEN least(before, midnight) ELSE midnight END
    FROM (SELECT p_day::timestamp AT TIME ZONE p_zone AS midnight) m
    CROSS JOIN LATERAL (SELECT midnight - interval '12 hours' AS noon) n
    -- the same time on the clock, by the offset that held half a day before
    CROSS JOIN LATERAL (
        SELECT (p_day::timestamp - ((noon AT TIME ZONE p_zone) - (noon AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC' AS before
    ) b
$$;

-- No card is sold whose last day has passed where the shop is. Pods of the version before do not know this refusal, and
-- say by nothing who asks: they sell as ever.
CREATE FUNCTION refuse_expired_card() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.expiry_date < shop_today(NEW.tenant) THEN
        RAISE EXCEPTION 'a card is sold with a last day that has passed' USING ERRCODE = 'BW003';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gift_cards_are_good BEFORE INSERT ON gift_cards
    FOR EACH ROW WHEN (NEW.expiry_date IS NOT NULL AND written_by() IS NOT NULL) EXECUTE FUNCTION refuse_expired_card();

-- A card is good to the end of its last day where the shop is: in each form of the function, nothing else is changed.
DO $$
DECLARE
    form regprocedure;
BEGIN
    FOR form IN SELECT oid FROM pg_proc
                WHERE proname = 'redeem_gift_card' AND position('(now() AT TIME ZONE ''UTC'')::date' IN prosrc) > 0 LOOP
        EXECUTE replace(pg_get_functiondef(form), '(now() AT TIME ZONE ''UTC'')::date', 'shop_today(p_tenant)');
    END LOOP;
END $$;
