-- release: 0.2.0
-- phase: pre
--
-- An ack that comes over HTTP, and a reading whose begin falls, say nothing of how far a reading came: its row stays
-- where it was. Before, it was taken for come to the head, and a later one could go on from what was never sent.
-- News of readings, the newest state of each; in any order, twice as good as once: how far a reading came, up to where
-- it was acked and how many seconds ago, how long ago and with which code it ended. An ack covers what lies between where
-- the reading's acks begin and what was sent by then. Returns, for each order that was seen first by that, how long it
-- had waited, in seconds.
-- Whatever changes a terminal's readings has the terminal's row locked, in one order; so nothing here can be overtaken.
CREATE OR REPLACE FUNCTION advance_readings(
    p_readings uuid[], p_stretches integer[], p_epochs integer[], p_began bigint[], p_sent bigint[], p_said bigint[],
    p_said_ago double precision[], p_ended_ago double precision[], p_codes integer[]
) RETURNS SETOF double precision
LANGUAGE plpgsql AS $$
DECLARE
    locked uuid[];
    fallen uuid[];
    fallen_stretches integer[];
    fallen_epochs integer[];
BEGIN
    SELECT array_agg(terminal_id) INTO locked FROM (
        SELECT t.terminal_id FROM terminals t
        WHERE t.terminal_id IN (SELECT r.terminal_id FROM readings r WHERE r.reading_id = ANY (p_readings))
        ORDER BY t.terminal_id FOR NO KEY UPDATE
    ) t;
    IF 0 < ANY (p_stretches) THEN
        -- A word that came by HTTP is the connection's, whichever of its stretches is stored by then.
        INSERT INTO readings (
            reading_id, stretch, no, tenant, terminal_id, door, gateway, address, agent, types, stations, categories,
            named, tail, epoch, began_seq, from_seq, sent_seq, said_seq, said_at, began_at
        )
        SELECT r.reading_id, w.stretch, r.no, r.tenant, r.terminal_id, r.door, r.gateway, r.address, r.agent, r.types,
               r.stations, r.categories, false, false, s.epoch, least(w.began, b.bound), least(w.began, b.bound),
               least(w.began, b.bound), h.said_seq, h.said_at, clock_timestamp()
        FROM unnest(p_readings, p_stretches, p_epochs, p_began) AS w (reading_id, stretch, epoch, began)
        JOIN readings r ON r.reading_id = w.reading_id AND r.stretch = 0
        JOIN tenant_streams s ON s.tenant = r.tenant
        CROSS JOIN LATERAL (SELECT epoch_bound(r.tenant, w.epoch, s.epoch, s.seq) AS bound) b
        CROSS JOIN LATERAL (
            SELECT max(e.said_seq) AS said_seq, max(e.said_at) AS said_at FROM readings e WHERE e.reading_id = r.reading_id
        ) h
        WHERE w.stretch > 0
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY
    WITH word AS (
        SELECT r.reading_id, r.stretch, r.terminal_id, r.tenant, r.types, r.stations, r.categories, s.epoch,
               r.said_at AS said_before, w.ended_ago, w.code,
               -- What it has of a history that is over reaches to the fork, and no ack of what lay behind counts.
               least(r.began_seq, k.bound) AS began, least(r.from_seq, k.bound) AS since,
               greatest(CASE WHEN r.covered_seq > k.bound THEN k.bound ELSE r.covered_seq END, least(r.from_seq, k.bound)) AS low,
               -- A word without it (an ack over HTTP, a begin that fell) says nothing of how far it came; LEAST would pass over
               -- the null, and say the head.
               CASE WHEN w.sent IS NULL THEN least(r.sent_seq, k.bound)
                    ELSE greatest(least(r.sent_seq, k.bound), least(w.sent, b.bound)) END AS sent,
               greatest(k.said, CASE WHEN w.said <= b.bound THEN w.said END) AS said,
               CASE WHEN w.said <= b.bound AND w.said > coalesce(k.said, -1)
                    THEN clock_timestamp() - make_interval(secs => coalesce(w.said_ago, 0)) END AS said_at
        FROM unnest(p_readings, p_stretches, p_epochs, p_sent, p_said, p_said_ago, p_ended_ago, p_codes)
             AS w (reading_id, stretch, epoch, sent, said, said_ago, ended_ago, code)
        JOIN readings r ON r.reading_id = w.reading_id AND r.stretch = w.stretch
        JOIN tenant_streams s ON s.tenant = r.tenant
        CROSS JOIN LATERAL (SELECT epoch_bound(r.tenant, w.epoch, s.epoch, s.seq) AS bound) b
        CROSS JOIN LATERAL (SELECT epoch_bound(r.tenant, r.epoch, s.epoch, s.seq) AS bound) o
        CROSS JOIN LATERAL (
            SELECT o.bound, CASE WHEN r.said_seq <= o.bound THEN r.said_seq END AS said
        ) k
    ), reach AS (
        SELECT *, CASE WHEN said IS NOT NULL THEN least(said, sent) END AS high,
               coalesce(said_at, said_before, clock_timestamp()) AS acked_at
        FROM word
    ), moved AS (
        UPDATE readings r
        SET epoch = n.epoch, began_seq = n.began, from_seq = n.since, sent_seq = n.sent, said_seq = n.said,
            said_at = coalesce(n.said_at, r.said_at),
            covered_seq = CASE WHEN n.high > n.low THEN n.high WHEN r.covered_seq > n.sent THEN n.sent ELSE r.covered_seq END,
            ended_at = coalesce(r.ended_at, clock_timestamp() - make_interval(secs => n.ended_ago)),
            code = coalesce(r.code, n.code)
        FROM reach n
        WHERE r.reading_id = n.reading_id AND r.stretch = n.stretch
          AND (n.epoch > r.epoch OR n.sent > r.sent_seq OR n.said IS DISTINCT FROM r.said_seq OR n.high > n.low
               OR (n.ended_ago IS NOT NULL AND r.ended_at IS NULL))
        RETURNING n.*
    ), news AS (
        SELECT * FROM moved WHERE high > low
    ), seen AS (
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at, n.terminal_id, n.acked_at
        FROM news n
        JOIN unseen_orders u ON u.tenant = n.tenant AND u.event_seq > n.low AND u.event_seq <= n.high
        JOIN terminals t ON t.terminal_id = n.terminal_id
        JOIN tenants s ON s.tenant = n.tenant
        WHERE u.seen_at IS NULL AND u.event_epoch <= n.epoch
          AND (s.alarm_roles IS NULL OR t.role = ANY (s.alarm_roles))
          AND reading_passes(n.types, n.stations, n.categories, u.stations, u.categories)
        ORDER BY u.tenant, u.event_seq, n.acked_at FOR UPDATE OF u
    ), gone AS (
        DELETE FROM unseen_orders u USING seen
        WHERE u.tenant = seen.tenant AND u.event_seq = seen.event_seq AND seen.attempt = 0
    ), told AS (
        UPDATE unseen_orders u SET seen_by = seen.terminal_id, seen_at = seen.acked_at, alarm_at = clock_timestamp()
        FROM (SELECT DISTINCT ON (tenant, event_seq) * FROM seen ORDER BY tenant, event_seq, acked_at) seen
        WHERE u.tenant = seen.tenant AND u.event_seq = seen.event_seq AND seen.attempt > 0
    ), kept AS (
        INSERT INTO coverage (terminal_id, to_seq, reading_id, stretch, from_seq, epoch, acked_at)
        SELECT terminal_id, high, reading_id, stretch, low, epoch, acked_at FROM news
        ON CONFLICT (terminal_id, to_seq, reading_id, stretch)
        DO UPDATE SET from_seq = least(coverage.from_seq, excluded.from_seq)
    )
    SELECT greatest(0, extract(epoch FROM min(acked_at) - placed_at))::float8 FROM seen
    GROUP BY tenant, event_seq, placed_at;
    SELECT array_agg(f.reading_id), array_agg(f.stretch), array_agg(f.epoch)
    INTO fallen, fallen_stretches, fallen_epochs FROM settle_tails(locked) f;
    IF fallen IS NOT NULL THEN
        RETURN QUERY SELECT * FROM advance_readings(
            fallen, fallen_stretches, fallen_epochs, NULL, NULL, NULL, NULL, NULL, NULL
        );
    END IF;
    IF EXISTS (SELECT FROM unnest(p_said) AS s (said) WHERE said IS NOT NULL) THEN
        PERFORM mirror_acks(p_readings);
    END IF;
END $$;
