-- release: 0.2.0
-- phase: pre
--
-- As it is (0072), but for the bound: 10,000 points a unit for an order of the greatest total are more than a bigint
-- holds, and that order could not be completed. As many as its total may be is a number that every client can read.
CREATE OR REPLACE FUNCTION order_points(p_order orders) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    digits text := order_phone(p_order.customer_number, p_order.customer_phone);
    earned bigint := 0;
BEGIN
    IF p_order.event_seq IS NOT NULL AND digits IS NOT NULL THEN
        SELECT least(coalesce(floor(
            p_order.total_cents * points_per_unit / CASE currency_decimals(currency) WHEN 0 THEN 1 WHEN 3 THEN 1000 ELSE 100 END
        ), 0), 999999999999999)::bigint INTO earned
        FROM tenants WHERE tenant = p_order.tenant;
    END IF;
    IF earned > 0 THEN
        PERFORM open_account(p_order.tenant, digits, p_order.customer_number, true);
    END IF;
    RETURN earned;
END $$;
