-- release: 0.2.0
-- phase: pre
--
-- A terminal that is shown an order by a list has it for the stations of its streams. Those were all whose rows had no
-- end; but a poll's row never ends, and neither does that of a stream whose gateway was killed. A screen that went from
-- the bar to the grill was still of the bar, and silenced the alarm of the screen that is there. Now only streams count
-- that are there. See docs/decisions/0123-each-station.md.

-- Whether somebody reads at this moment; the seconds are those of station_waits.
CREATE FUNCTION reading_is_there(p_reading readings) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT p_reading.ended_at IS NULL AND CASE
        WHEN p_reading.door = 'polling' THEN coalesce(
            p_reading.polled_at > clock_timestamp() - interval '45 seconds', false
        )
        ELSE EXISTS (
            SELECT FROM terminals t JOIN gateways g ON g.gateway = p_reading.gateway
            WHERE t.terminal_id = p_reading.terminal_id AND t.connection_id = p_reading.reading_id
              AND g.renewed_at > clock_timestamp() - interval '10 seconds'
        )
    END
$$;

-- As before, of streams that came past the order or are there.
CREATE OR REPLACE FUNCTION stations_of_receivers(p_of text[], p_seq bigint, p_receivers uuid[]) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT x FROM unnest(p_of) x
        WHERE EXISTS (
            SELECT FROM readings r
            WHERE r.terminal_id = ANY (p_receivers) AND x = ANY (r.stations)
              AND (r.sent_seq >= p_seq OR reading_is_there(r))
        ) OR EXISTS (
            SELECT FROM webhook_endpoints e WHERE e.endpoint_id = ANY (p_receivers) AND x = ANY (e.stations)
        )
    )
$$;

-- Orders that a terminal was shown by a list, as before.
CREATE OR REPLACE FUNCTION see_orders(
    p_tenant text, p_terminal uuid, p_orders uuid[], OUT unknown uuid[], OUT waited double precision[]
) LANGUAGE plpgsql AS $$
DECLARE
    named text[];
BEGIN
    SELECT array_agg(a.order_id) INTO unknown FROM unnest(p_orders) AS a (order_id)
    WHERE NOT EXISTS (SELECT FROM orders o WHERE o.tenant = p_tenant AND o.order_id = a.order_id);
    IF unknown IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM FROM terminals WHERE terminal_id = p_terminal FOR NO KEY UPDATE;
    INSERT INTO order_receipts (order_id, receiver, by)
    SELECT DISTINCT a.order_id, p_terminal, 'list' FROM unnest(p_orders) AS a (order_id)
    ON CONFLICT DO NOTHING;
    -- It is of the stations that its streams ask for, those that are there.
    SELECT array_agg(DISTINCT x) INTO named FROM readings r CROSS JOIN unnest(r.stations) x
    WHERE r.tenant = p_tenant AND r.terminal_id = p_terminal AND reading_is_there(r);
    WITH seen AS (
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at, u.partly_at, a.stations,
               s.alarm_scope = 'any' OR u.stations <@ a.stations AS whole
        FROM orders o
        JOIN unseen_orders u ON u.tenant = o.tenant AND u.event_seq = o.event_seq
        JOIN terminals t ON t.terminal_id = p_terminal
        JOIN tenants s ON s.tenant = o.tenant
        CROSS JOIN LATERAL (SELECT stations_seen(u.stations, u.seen_stations, named) AS stations) a
        WHERE o.tenant = p_tenant AND o.order_id = ANY (p_orders) AND u.seen_at IS NULL
          AND receipt_counts(s.alarm_roles, t.role)
        ORDER BY u.tenant, u.event_seq FOR UPDATE OF u
    ), gone AS (
        DELETE FROM unseen_orders u USING seen s
        WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND s.whole AND s.attempt = 0
    ), told AS (
        UPDATE unseen_orders u
        SET seen_by = CASE WHEN s.whole THEN p_terminal END, seen_at = CASE WHEN s.whole THEN clock_timestamp() END,
            seen_stations = s.stations, partly_by = CASE WHEN NOT s.whole THEN p_terminal END,
            partly_at = CASE WHEN NOT s.whole THEN clock_timestamp() END,
            alarm_at = CASE WHEN s.attempt > 0 THEN clock_timestamp() ELSE u.alarm_at END
        FROM seen s
        WHERE u.tenant = s.tenant AND u.event_seq = s.event_seq AND NOT (s.whole AND s.attempt = 0)
    )
    SELECT array_agg(extract(epoch FROM clock_timestamp() - placed_at)::float8) INTO waited FROM seen
    WHERE partly_at IS NULL;
END $$;
