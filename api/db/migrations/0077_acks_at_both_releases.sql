-- release: 0.2.0
-- phase: pre
--
-- An ack at a pod of the version before is noticed where it moves its terminal's row on. What a terminal acked at a pod of
-- this version without having it (of a stream that began behind an order, or has none) moved that row on too, and a later
-- ack of the same at a pod of before then moved nothing: the order's alarm went on. Now an ack moves the row up to the
-- first order that is still unseen, and no further.
--
-- Until the `post` migration: versions before this one look at a terminal's newest ack alone. While their gateways are
-- there, nobody knows what a reading that began at a named offset goes on from; so an ack of it silences all before.
CREATE OR REPLACE FUNCTION mirror_acks(p_readings uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF old_gateways() THEN
        DELETE FROM unseen_orders u USING readings r
        WHERE r.reading_id = ANY (p_readings) AND r.named AND r.said_seq IS NOT NULL
          AND u.tenant = r.tenant AND u.event_seq <= least(r.began_seq, r.said_seq);
    END IF;
    PERFORM set_config('bellwire.mirrored', 'on', true);
    WITH newest AS (
        SELECT DISTINCT ON (r.terminal_id) r.terminal_id, r.tenant, r.epoch, least(r.said_seq, r.sent_seq) AS seq, r.said_at
        FROM readings r
        WHERE r.reading_id = ANY (p_readings) AND r.said_seq > 0
        ORDER BY r.terminal_id, r.epoch DESC, least(r.said_seq, r.sent_seq) DESC
    ), told AS (
        SELECT n.terminal_id, n.tenant, n.epoch, n.said_at, least(n.seq, (
            SELECT min(u.event_seq) - 1 FROM unseen_orders u
            WHERE u.tenant = n.tenant AND u.event_seq <= n.seq AND u.seen_at IS NULL
        )) AS seq
        FROM newest n
    ), moved AS (
        UPDATE terminals t SET acked_epoch = n.epoch, acked_seq = n.seq, acked_at = n.said_at
        FROM told n
        WHERE t.terminal_id = n.terminal_id AND n.seq > 0
          AND (t.acked_seq IS NULL OR (t.acked_epoch, t.acked_seq) < (n.epoch, n.seq))
        RETURNING t.terminal_id, t.acked_seq, t.tenant, t.acked_at
    )
    INSERT INTO terminal_acks (terminal_id, acked_seq, tenant, acked_at)
    SELECT terminal_id, acked_seq, tenant, acked_at FROM moved
    ON CONFLICT DO NOTHING;
    PERFORM set_config('bellwire.mirrored', '', true);
END $$;
