-- release: 0.2.0
-- phase: pre
--
-- The receipts of an order, as before, also where a reading's end went back because history forked behind it.
CREATE OR REPLACE FUNCTION receipts_at(
    p_order uuid, p_tenant text, p_seq bigint, p_epoch integer, p_stations text[], p_categories text[],
    p_created timestamptz
) RETURNS TABLE (terminal_id uuid, webhook_id uuid, name text, acked_at timestamptz, by text)
LANGUAGE sql STABLE AS $$
    (
        SELECT DISTINCT ON (d.terminal_id) d.terminal_id, NULL::uuid, d.name, a.acked_at, a.by
        FROM terminals d CROSS JOIN LATERAL (
            -- A reading covers what lies between its ends; when that was, its first piece behind the order says. Where
            -- history forked, its end may have gone back, and only the pieces tell.
            SELECT c.acked_at, 'stream' AS by
            FROM readings r CROSS JOIN LATERAL (
                SELECT c.acked_at FROM coverage c
                WHERE c.terminal_id = r.terminal_id AND c.reading_id = r.reading_id AND c.stretch = r.stretch
                  AND c.to_seq >= p_seq AND c.from_seq < p_seq AND c.epoch >= p_epoch
                ORDER BY c.to_seq LIMIT 1
            ) c
            WHERE r.terminal_id = d.terminal_id AND r.from_seq < p_seq
              AND (r.covered_seq >= p_seq OR EXISTS (SELECT FROM stream_forks f WHERE f.tenant = p_tenant))
              AND reading_passes(r.types, r.stations, r.categories, p_stations, p_categories)
            UNION ALL
            SELECT l.acked_at, l.by FROM order_receipts l
            WHERE l.order_id = p_order AND l.receiver = d.terminal_id AND l.by = 'list'
            UNION ALL
            -- An order from before keeps the receipts that it had.
            SELECT b.acked_at, 'stream' FROM terminal_acks b
            WHERE p_created < receipts_since() AND b.terminal_id = d.terminal_id
              AND b.acked_seq >= p_seq AND b.acked_at < receipts_since()
        ) a
        WHERE d.tenant = p_tenant
        ORDER BY d.terminal_id, a.acked_at
    ) UNION ALL
    SELECT NULL, l.receiver, NULL, l.acked_at, l.by FROM order_receipts l
    WHERE l.order_id = p_order AND l.by = 'webhook'
$$;
