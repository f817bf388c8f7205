-- The event log itself: final bytes, gapless per tenant, partitioned by day so that retention is a DROP.

CREATE TABLE pos_sync_logs (
    tenant       text NOT NULL,
    seq          bigint NOT NULL CHECK (seq > 0),
    epoch        integer NOT NULL,
    type         text NOT NULL,
    committed_at timestamptz NOT NULL,
    payload      bytea NOT NULL CHECK (octet_length(payload) <= 32768),
    -- the partition key has to be in it; that (tenant, seq) alone is unique follows from tenant_streams' row lock
    PRIMARY KEY (tenant, seq, committed_at)
) PARTITION BY RANGE (committed_at);

-- Make the daily partitions (UTC) from `p_from` on, `p_days` of them; those that exist are left alone.
CREATE FUNCTION ensure_event_partitions(p_from date, p_days integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    day date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('bellwire.partitions', 0));
    FOR day IN SELECT p_from + i FROM generate_series(0, p_days - 1) AS i LOOP
        IF to_regclass('pos_sync_logs_' || to_char(day, 'YYYYMMDD')) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF pos_sync_logs FOR VALUES FROM (%L) TO (%L)',
                'pos_sync_logs_' || to_char(day, 'YYYYMMDD'),
                day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00'
            );
        END IF;
    END LOOP;
END $$;

-- Drop every partition whose whole day lies before `p_before`; returns how many went.
CREATE FUNCTION drop_event_partitions(p_before date) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('bellwire.partitions', 0));
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'pos_sync_logs'::regclass
          AND c.relname < 'pos_sync_logs_' || to_char(p_before, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

SELECT ensure_event_partitions((now() AT TIME ZONE 'UTC')::date - 1, 9);

-- Where the database's history forked (a failover that lost commits, a restore): the last seq of each tenant that the
-- new epoch shares with the one before. `seq` goes on from there.
CREATE TABLE stream_forks (
    tenant   text NOT NULL REFERENCES tenants,
    epoch    integer NOT NULL CHECK (epoch > 1),
    fork_seq bigint NOT NULL CHECK (fork_seq >= 0),
    PRIMARY KEY (tenant, epoch)
);

-- A terminal's word, kept as it came: everything up to `acked_seq` was received and stored by then.
-- The receipt of an event is the first row at or after it.
CREATE TABLE terminal_acks (
    terminal_id uuid NOT NULL REFERENCES terminals,
    acked_seq   bigint NOT NULL,
    tenant      text NOT NULL,
    acked_at    timestamptz NOT NULL,
    PRIMARY KEY (terminal_id, acked_seq)
);
CREATE INDEX terminal_acks_age ON terminal_acks (acked_at);

-- One committed event, as the publisher needs it.
CREATE TYPE committed_event AS (epoch integer, seq bigint, type text, committed_ms bigint, payload bytea);

-- Splice `p_first`, a list of JSON members without braces, in front of the members of the object `p_data`.
CREATE FUNCTION splice_json(p_first text, p_data text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_data = '{}' THEN '{' || p_first || '}' ELSE '{' || p_first || ',' || substr(p_data, 2) END
$$;

-- Write one event at a position that the caller has just taken from tenant_streams (and whose row it has locked).
-- The bytes are those of backbone/contract/event.py, encode_event; a test compares the two.
CREATE FUNCTION append_event(p_tenant text, p_epoch integer, p_seq bigint, p_type text, p_data text)
RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    event committed_event;
    moment timestamptz := date_trunc('milliseconds', clock_timestamp());
    position_text text := p_epoch || '-' || p_seq;
BEGIN
    event.epoch := p_epoch;
    event.seq := p_seq;
    event.type := p_type;
    event.committed_ms := (extract(epoch FROM moment) * 1000)::bigint;
    event.payload := convert_to(
        '{"type":"' || p_type || '","tenant":"' || p_tenant || '","offset":"' || position_text
        || '","id":"evt_' || p_tenant || '_' || position_text
        || '","timestamp":"' || to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        || '","data":' || p_data || '}',
        'UTF8'
    );
    INSERT INTO pos_sync_logs (tenant, seq, epoch, type, committed_at, payload)
    VALUES (p_tenant, p_seq, p_epoch, p_type, moment, event.payload);
    RETURN event;
END $$;
