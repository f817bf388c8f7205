-- release: 0.2.0
-- phase: pre
--
-- A poll that names no offset, from the head or the last ack, claims nothing of what lies before it. So it goes on in no
-- chain whose own begin may yet fall, because its first poll did name one.
CREATE OR REPLACE FUNCTION poll_reading(
    p_tenant text, p_terminal uuid, p_new uuid, p_address text, p_agent text, p_types text[], p_stations text[],
    p_categories text[], p_epoch integer, p_start bigint, p_named boolean, p_end bigint
) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    chain readings;
    stream tenant_streams;
    bound bigint;
    began bigint;
    came bigint;
BEGIN
    PERFORM FROM terminals WHERE terminal_id = p_terminal AND tenant = p_tenant FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO STRICT stream FROM tenant_streams WHERE tenant = p_tenant;
    bound := epoch_bound(p_tenant, p_epoch, stream.epoch, stream.seq);
    began := least(p_start, bound);
    came := least(p_end, bound);
    -- Of several that it may go on from, the one that claims least.
    SELECT r.* INTO chain FROM readings r
    WHERE r.terminal_id = p_terminal AND r.door = 'polling'
      AND r.types IS NOT DISTINCT FROM p_types AND r.stations IS NOT DISTINCT FROM p_stations
      AND r.categories IS NOT DISTINCT FROM p_categories
      AND CASE WHEN p_named THEN r.began_seq <= began AND began <= least(r.sent_seq, epoch_bound(
                   p_tenant, r.epoch, stream.epoch, stream.seq
               ))
               ELSE r.began_seq = began AND r.from_seq = began AND NOT r.tail AND r.epoch = stream.epoch END
    ORDER BY r.from_seq DESC, r.no DESC LIMIT 1;
    -- A stream that began later may have given the offset: that is for settle_tails.
    IF FOUND AND NOT (p_named AND EXISTS (
        SELECT FROM readings r
        WHERE r.terminal_id = p_terminal AND r.door <> 'polling' AND r.from_seq > chain.from_seq AND r.began_seq <= began
          AND r.types IS NOT DISTINCT FROM p_types AND r.stations IS NOT DISTINCT FROM p_stations
          AND r.categories IS NOT DISTINCT FROM p_categories
          AND (r.sent_seq >= began OR r.ended_at IS NULL)
    )) THEN
        IF came > chain.sent_seq OR chain.epoch < stream.epoch
           OR chain.polled_at < clock_timestamp() - interval '5 seconds' THEN
            UPDATE readings
            SET sent_seq = greatest(least(sent_seq, epoch_bound(p_tenant, epoch, stream.epoch, stream.seq)), came),
                said_seq = CASE WHEN epoch < stream.epoch AND said_seq > began THEN began ELSE said_seq END,
                covered_seq = CASE WHEN epoch < stream.epoch AND covered_seq > began THEN began ELSE covered_seq END,
                epoch = stream.epoch, polled_at = clock_timestamp()
            WHERE reading_id = chain.reading_id AND stretch = chain.stretch;
        END IF;
        RETURN chain.reading_id;
    END IF;
    INSERT INTO readings (
        reading_id, tenant, terminal_id, door, address, agent, types, stations, categories, named, tail, epoch,
        began_seq, from_seq, sent_seq, began_at, polled_at
    ) VALUES (
        p_new, p_tenant, p_terminal, 'polling', p_address, p_agent, p_types, p_stations,
        p_categories, p_named, p_named AND p_start <= bound AND NOT old_gateways(), stream.epoch, began, began,
        greatest(began, came), clock_timestamp(), clock_timestamp()
    );
    RETURN p_new;
END $$;
