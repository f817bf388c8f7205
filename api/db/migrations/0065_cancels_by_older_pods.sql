-- release: 0.2.0
-- phase: pre
--
-- A pod of the version before cannot announce an event of a type that it does not know: it is not told of one. The event
-- is in the log all the same, and gateways find it there within a second.
CREATE OR REPLACE FUNCTION change_order_status(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_status text, p_from text[]
) RETURNS SETOF write_result
LANGUAGE sql AS $$
    SELECT * FROM step_order(p_tenant, p_key, p_fingerprint, p_order_id, p_status, p_from, NULL, NULL) s
    WHERE (s.event).type IS DISTINCT FROM 'gift_card_refunded'
$$;
