-- release: 0.2.0
-- phase: pre
--
-- As it is (0076), but for its plans. Tails are rare until a crowd comes back, when nearly each of its terminals has one: the
-- server, which reckons with one in all, went through all of them for each terminal that it was asked about. Here each
-- terminal is looked up, whatever the server reckons with: OFFSET 0 keeps it from another order.
-- See docs/decisions/0166-tails-of-a-crowd.md.

CREATE OR REPLACE FUNCTION settle_tails(p_terminals uuid[]) RETURNS SETOF readings
LANGUAGE plpgsql AS $$
DECLARE
    mine readings;
    since bigint;
    undecided boolean;
    whose uuid;
    replaced bigint;
BEGIN
    -- Of a terminal that came back again and again, those from long before stay as they are: they claim less so.
    UPDATE readings r SET tail = false
    FROM unnest(p_terminals) AS p (terminal_id) CROSS JOIN LATERAL (
        SELECT t.no FROM readings t WHERE t.terminal_id = p.terminal_id AND t.tail ORDER BY t.no DESC OFFSET 32 LIMIT 1
    ) old CROSS JOIN LATERAL (
        SELECT t.reading_id, t.stretch FROM readings t
        WHERE t.terminal_id = p.terminal_id AND t.tail AND t.no <= old.no OFFSET 0
    ) past
    WHERE r.reading_id = past.reading_id AND r.stretch = past.stretch;
    FOR mine IN
        SELECT r.* FROM unnest(p_terminals) AS p (terminal_id) CROSS JOIN LATERAL (
            SELECT bool_or(t.said_seq IS NOT NULL) AS told FROM readings t WHERE t.terminal_id = p.terminal_id AND t.tail
        ) a CROSS JOIN LATERAL (
            SELECT t.* FROM readings t WHERE t.terminal_id = p.terminal_id AND t.tail OFFSET 0
        ) r
        WHERE a.told
        ORDER BY r.terminal_id, r.no
    LOOP
        IF mine.terminal_id IS DISTINCT FROM whose THEN
            -- Some seconds behind a newer stream of the terminal nothing more is written of it: it was replaced, or killed.
            whose := mine.terminal_id;
            SELECT coalesce(max(no), 0) INTO replaced FROM readings
            WHERE terminal_id = whose AND door <> 'polling' AND began_at < clock_timestamp() - interval '20 seconds';
        END IF;
        -- A stream that has not ended may have come further than it says; a poll's row never has.
        WITH earlier AS (
            SELECT r.no, r.from_seq, r.tail, r.door, r.sent_seq >= mine.began_seq AS held,
                   r.types IS NOT DISTINCT FROM mine.types AND r.stations IS NOT DISTINCT FROM mine.stations
                       AND r.categories IS NOT DISTINCT FROM mine.categories AS same,
                   r.door <> 'polling' AND r.ended_at IS NULL
                       AND g.renewed_at > clock_timestamp() - interval '1 minute'
                       AND r.no >= replaced AS growing
            FROM readings r LEFT JOIN gateways g ON g.gateway = r.gateway
            WHERE r.terminal_id = mine.terminal_id AND r.no < mine.no AND r.began_seq <= mine.began_seq
              AND (r.sent_seq >= mine.began_seq OR (r.door <> 'polling' AND r.ended_at IS NULL))
        ), newest AS (
            SELECT max(no) AS no FROM earlier WHERE same AND held
        )
        SELECT CASE
                   WHEN newest.no IS NULL THEN mine.began_seq
                   -- A stream with another filter came between, and may have given the offset.
                   WHEN mine.door <> 'polling' AND EXISTS (
                       SELECT FROM earlier WHERE NOT same AND door <> 'polling' AND earlier.no > newest.no
                   ) THEN mine.began_seq
                   ELSE (SELECT max(from_seq) FROM earlier WHERE same)
               END,
               coalesce((SELECT bool_or(coalesce(growing, false) OR (same AND tail)) FROM earlier), false)
        INTO since, undecided
        FROM newest;
        IF since < mine.from_seq THEN
            -- What it covers is written anew, from where it begins now.
            UPDATE readings SET from_seq = since, covered_seq = NULL, tail = undecided
            WHERE reading_id = mine.reading_id AND stretch = mine.stretch
            RETURNING * INTO mine;
            IF mine.said_seq IS NOT NULL THEN
                RETURN NEXT mine;
            END IF;
        ELSIF NOT undecided THEN
            UPDATE readings SET tail = false WHERE reading_id = mine.reading_id AND stretch = mine.stretch;
        END IF;
    END LOOP;
END $$;
