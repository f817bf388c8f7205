-- release: 0.2.0
-- phase: pre
--
-- As they are, but for what they read: of a terminal's connections those of the time that is asked about, where they
-- went through all that it ever had. A till on a bad line has thousands.

-- The receipts of an order (0025).
CREATE OR REPLACE FUNCTION receipts_at(
    p_order uuid, p_tenant text, p_seq bigint, p_epoch integer, p_stations text[], p_categories text[],
    p_created timestamptz
) RETURNS TABLE (terminal_id uuid, webhook_id uuid, name text, acked_at timestamptz, by text)
LANGUAGE sql STABLE AS $$
    (
        SELECT DISTINCT ON (d.terminal_id) d.terminal_id, NULL::uuid, d.name, a.acked_at, a.by
        FROM terminals d CROSS JOIN LATERAL (
            -- A connection that had ended before the order was there gave nobody the order; a clock may have been set
            -- back by less than ten minutes.
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
              AND coalesce(r.ended_at, 'infinity') >= p_created - interval '10 minutes'
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

-- What `after=acked` means (0014): the last ack of a reading whose filter lets through all that this one does. Acks of
-- connections that ended more than a day before the terminal's newest are looked at only where there is none behind.
CREATE OR REPLACE FUNCTION newest_ack(
    p_terminal uuid, p_types text[], p_stations text[], p_categories text[], OUT epoch integer, OUT seq bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    since timestamptz;
    found_at timestamptz;
BEGIN
    SELECT t.acked_at - interval '1 day' INTO since FROM terminals t WHERE t.terminal_id = p_terminal;
    SELECT r.epoch, least(r.said_seq, r.sent_seq), r.said_at INTO epoch, seq, found_at FROM readings r
    WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
      AND coalesce(r.ended_at, 'infinity') >= coalesce(since, 'infinity')
      AND (r.types IS NULL OR r.types @> p_types) AND (r.stations IS NULL OR r.stations @> p_stations)
      AND (r.categories IS NULL OR r.categories @> p_categories)
    ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
    IF found_at >= since THEN
        RETURN;
    END IF;
    SELECT r.epoch, least(r.said_seq, r.sent_seq) INTO epoch, seq FROM readings r
    WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
      AND (r.types IS NULL OR r.types @> p_types) AND (r.stations IS NULL OR r.stations @> p_stations)
      AND (r.categories IS NULL OR r.categories @> p_categories)
    ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
END $$;

-- A terminal's newest ack of all (0014), and when it came; an older one than its readings reach back to is on its row.
CREATE OR REPLACE FUNCTION newest_ack(p_terminal uuid, OUT epoch integer, OUT seq bigint, OUT acked_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    own terminals;
    since timestamptz;
BEGIN
    SELECT * INTO own FROM terminals t WHERE t.terminal_id = p_terminal;
    since := own.acked_at - interval '1 day';
    SELECT r.epoch, least(r.said_seq, r.sent_seq), r.said_at INTO epoch, seq, acked_at FROM readings r
    WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
      AND coalesce(r.ended_at, 'infinity') >= coalesce(since, 'infinity')
    ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
    IF (acked_at >= since) IS NOT TRUE THEN
        SELECT r.epoch, least(r.said_seq, r.sent_seq), r.said_at INTO epoch, seq, acked_at FROM readings r
        WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
        ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1;
    END IF;
    IF own.acked_seq IS NOT NULL AND (
        acked_at IS NULL OR (own.acked_at, own.acked_epoch, own.acked_seq) > (acked_at, epoch, seq)
    ) THEN
        epoch := own.acked_epoch;
        seq := own.acked_seq;
        acked_at := own.acked_at;
    END IF;
END $$;
