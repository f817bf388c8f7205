-- The trace context of the request that made an event goes into its envelope, where there is one. It comes in by a
-- setting of the transaction, `bellwire.traceparent`, so that no writing function has to hand it on.
CREATE OR REPLACE FUNCTION append_event(p_tenant text, p_epoch integer, p_seq bigint, p_type text, p_data text)
RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    event committed_event;
    moment timestamptz := date_trunc('milliseconds', clock_timestamp());
    position_text text := p_epoch || '-' || p_seq;
    -- a setting that was local to an earlier transaction reads as ''
    traceparent text := nullif(current_setting('bellwire.traceparent', true), '');
BEGIN
    event.epoch := p_epoch;
    event.seq := p_seq;
    event.type := p_type;
    event.committed_ms := (extract(epoch FROM moment) * 1000)::bigint;
    event.payload := convert_to(
        '{"type":"' || p_type || '","tenant":"' || p_tenant || '","offset":"' || position_text
        || '","id":"evt_' || p_tenant || '_' || position_text
        || '","timestamp":"' || to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        || coalesce('","traceparent":"' || traceparent, '')
        || '","data":' || p_data || '}',
        'UTF8'
    );
    INSERT INTO pos_sync_logs (tenant, seq, epoch, type, committed_at, payload)
    VALUES (p_tenant, p_seq, p_epoch, p_type, moment, event.payload);
    RETURN event;
END $$;
