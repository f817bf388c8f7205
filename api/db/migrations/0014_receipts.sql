-- release: 0.2.0
-- phase: pre
--
-- Receipts are coverage: what a terminal's ack says is kept as what its stream was to carry, and orders that nobody has
-- seen stand in a table of their own. See docs/decisions/0095-receipts-are-coverage.md.

-- One row for each reading: an unbroken stretch of a connection, or a chain of polls with one filter. It is the
-- connection journal too. `reading_id` is what `hello` and pages call `reading`; a reset in mid-stream begins its next
-- `stretch`. Filters are sorted, names of stations and categories in lower case; null lets everything through.
CREATE TABLE readings (
    reading_id  uuid NOT NULL,
    stretch     integer NOT NULL DEFAULT 0,
    -- the order in which a terminal's readings were asked for; no clock decides
    no          bigint NOT NULL,
    tenant      text NOT NULL,
    terminal_id uuid NOT NULL,
    door        text NOT NULL CHECK (door IN ('websocket', 'sse', 'polling')),
    gateway     text,
    address     text,
    agent       text,
    types       text[],
    stations    text[],
    categories  text[],
    -- it began at an offset that the terminal named
    named       boolean NOT NULL,
    -- ... and what it goes on from is not decided for good yet
    tail        boolean NOT NULL,
    epoch       integer NOT NULL,
    began_seq   bigint NOT NULL,
    -- where what its acks cover begins: `began_seq`, or where a reading that it goes on from began
    from_seq    bigint NOT NULL CHECK (from_seq <= began_seq),
    -- how far it came: what was written to its connection, or the newest page's offset
    sent_seq    bigint NOT NULL CHECK (sent_seq >= began_seq),
    said_seq    bigint,
    said_at     timestamptz,
    -- what is in `coverage` already
    covered_seq bigint,
    began_at    timestamptz NOT NULL,
    -- the newest poll, to some seconds
    polled_at   timestamptz,
    ended_at    timestamptz,
    code        integer,
    PRIMARY KEY (reading_id, stretch)
) WITH (fillfactor = 60);
CREATE SEQUENCE readings_no AS bigint OWNED BY readings.no;
CREATE UNIQUE INDEX readings_of_terminal ON readings (terminal_id, no, stretch);
CREATE INDEX readings_tails ON readings (terminal_id) WHERE tail;
CREATE INDEX readings_open ON readings (tenant) WHERE ended_at IS NULL;
CREATE INDEX readings_age ON readings USING brin (began_at);

-- A terminal's word, as far as it counts: it has what lies in (from_seq, to_seq] and passes its reading's filter.
CREATE TABLE coverage (
    terminal_id uuid NOT NULL,
    to_seq      bigint NOT NULL,
    reading_id  uuid NOT NULL,
    stretch     integer NOT NULL,
    from_seq    bigint NOT NULL,
    epoch       integer NOT NULL,
    acked_at    timestamptz NOT NULL,
    PRIMARY KEY (terminal_id, to_seq, reading_id, stretch),
    CHECK (from_seq < to_seq)
);
CREATE INDEX coverage_age ON coverage (acked_at);

-- Receipts that no stream gave: an order that a terminal was shown by a list, or a webhook that counts.
CREATE TABLE order_receipts (
    order_id uuid NOT NULL,
    receiver uuid NOT NULL,
    by       text NOT NULL CHECK (by IN ('list', 'webhook')),
    acked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, receiver)
);
CREATE INDEX order_receipts_age ON order_receipts (acked_at);

-- Pending orders that nobody who counts has seen. `place_order` puts a row in; an ack, a webhook that counts and a step
-- out of `pending` take it out. `counts_from`: deadlines count from there. `alarm_at`: when to look at it again; null
-- when there is nothing to do but to keep it. One that was seen behind an alarm stays, with `seen_at`, until that is told.
CREATE TABLE unseen_orders (
    tenant      text NOT NULL,
    event_seq   bigint NOT NULL,
    event_epoch integer NOT NULL,
    order_id    uuid NOT NULL,
    placed_at   timestamptz NOT NULL,
    counts_from timestamptz NOT NULL,
    alarm_at    timestamptz,
    attempt     integer NOT NULL DEFAULT 0,
    seen_by     uuid,
    seen_at     timestamptz,
    stations    text[] NOT NULL DEFAULT '{}',
    categories  text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, event_seq)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX unseen_orders_due ON unseen_orders (alarm_at) WHERE alarm_at IS NOT NULL;

ALTER TABLE orders
    ADD COLUMN stations text[] NOT NULL DEFAULT '{}',
    ADD COLUMN categories text[] NOT NULL DEFAULT '{}';

ALTER TABLE tenants
    ADD COLUMN alarm_roles text[],
    ADD COLUMN alarm_repeats integer NOT NULL DEFAULT 3 CHECK (alarm_repeats BETWEEN 0 AND 10),
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC',
    ADD COLUMN paused boolean NOT NULL DEFAULT false,
    ADD COLUMN paused_reason text,
    ADD COLUMN is_test boolean NOT NULL DEFAULT false;

ALTER TABLE webhook_endpoints ADD COLUMN counts boolean NOT NULL DEFAULT false;

-- Whether this gateway keeps readings; null: a version that knows none.
ALTER TABLE gateways ADD COLUMN readings boolean;

-- Whether an order passes a reading's filter: one of its names is asked for, or it has none.
CREATE FUNCTION reading_passes(
    p_types text[], p_stations text[], p_categories text[], o_stations text[], o_categories text[]
) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT (p_types IS NULL OR 'new_order' = ANY (p_types))
       AND (p_stations IS NULL OR o_stations = '{}' OR p_stations && o_stations)
       AND (p_categories IS NULL OR o_categories = '{}' OR p_categories && o_categories)
$$;

-- Whether a gateway of a version that keeps no readings was there lately: a terminal may have been given an offset by it.
-- None is, from the `post` migration on.
CREATE FUNCTION old_gateways() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM gateways WHERE readings IS NULL AND renewed_at > clock_timestamp() - interval '10 minutes')
$$;

-- How far positions of `p_epoch` hold in the history that a tenant's stream has come to, (p_now_epoch, p_seq).
CREATE FUNCTION epoch_bound(p_tenant text, p_epoch integer, p_now_epoch integer, p_seq bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_epoch = p_now_epoch THEN p_seq WHEN p_epoch > p_now_epoch THEN 0 ELSE coalesce(
        (SELECT min(fork_seq) FROM stream_forks WHERE tenant = p_tenant AND epoch > p_epoch), 0
    ) END
$$;

-- Streams that are about to begin, stored before their hello. `p_types` and its like are comma lists; null is no filter.
-- `p_named`: the terminal named the offset that it begins at.
CREATE FUNCTION begin_readings(
    p_readings uuid[], p_terminals uuid[], p_tenants text[], p_doors text[], p_gateway text, p_addresses text[],
    p_agents text[], p_types text[], p_stations text[], p_categories text[], p_epochs integer[], p_began bigint[],
    p_named boolean[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO readings (
        reading_id, no, tenant, terminal_id, door, gateway, address, agent, types, stations, categories, named, tail,
        epoch, began_seq, from_seq, sent_seq, began_at
    )
    SELECT n.reading_id, nextval('readings_no'), n.tenant, n.terminal_id, n.door, p_gateway, n.address, n.agent,
           string_to_array(n.types, ','), string_to_array(n.stations, ','), string_to_array(n.categories, ','),
           n.named, n.named AND n.began <= b.bound AND NOT old_gateways(), s.epoch,
           least(n.began, b.bound), least(n.began, b.bound), least(n.began, b.bound), clock_timestamp()
    FROM unnest(
        p_readings, p_terminals, p_tenants, p_doors, p_addresses, p_agents, p_types, p_stations, p_categories, p_epochs,
        p_began, p_named
    ) AS n (reading_id, terminal_id, tenant, door, address, agent, types, stations, categories, epoch, began, named)
    JOIN tenant_streams s ON s.tenant = n.tenant
    CROSS JOIN LATERAL (SELECT epoch_bound(n.tenant, n.epoch, s.epoch, s.seq) AS bound) b
    ON CONFLICT DO NOTHING
$$;

-- What a reading that began at an offset of its terminal's goes on from (rule 3 of the decision): `from_seq` falls to
-- where those began that may have given the offset through the same filter, the latest of them where there are several.
-- It only ever falls. Whoever calls has the terminals locked. Returns what fell and was acked.
CREATE FUNCTION settle_tails(p_terminals uuid[]) RETURNS SETOF readings
LANGUAGE plpgsql AS $$
DECLARE
    mine readings;
    since bigint;
    undecided boolean;
BEGIN
    FOR mine IN
        SELECT r.* FROM readings r
        WHERE r.terminal_id IN (
            SELECT t.terminal_id FROM readings t
            WHERE t.terminal_id = ANY (p_terminals) AND t.tail AND t.said_seq IS NOT NULL
        ) AND r.tail
        ORDER BY r.terminal_id, r.no
    LOOP
        -- A stream that has not ended may have come further than it says; a poll's row never has.
        WITH earlier AS (
            SELECT r.no, r.from_seq, r.tail, r.door, r.sent_seq >= mine.began_seq AS held,
                   r.types IS NOT DISTINCT FROM mine.types AND r.stations IS NOT DISTINCT FROM mine.stations
                       AND r.categories IS NOT DISTINCT FROM mine.categories AS same,
                   r.door <> 'polling' AND r.ended_at IS NULL
                       AND g.renewed_at > clock_timestamp() - interval '1 minute' AS growing
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

-- Until the `post` migration: versions before this one look at a terminal's newest ack alone. While their gateways are
-- there, nobody knows what a reading that began at a named offset goes on from; so an ack of it silences all before.
CREATE FUNCTION mirror_acks(p_readings uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('bellwire.mirrored', 'on', true);
    WITH newest AS (
        SELECT DISTINCT ON (r.terminal_id) r.terminal_id, r.tenant, r.epoch, least(r.said_seq, r.sent_seq) AS seq, r.said_at
        FROM readings r
        WHERE r.reading_id = ANY (p_readings) AND r.said_seq > 0
        ORDER BY r.terminal_id, r.epoch DESC, least(r.said_seq, r.sent_seq) DESC
    ), moved AS (
        UPDATE terminals t SET acked_epoch = n.epoch, acked_seq = n.seq, acked_at = n.said_at
        FROM newest n
        WHERE t.terminal_id = n.terminal_id AND n.seq > 0
          AND (t.acked_seq IS NULL OR (t.acked_epoch, t.acked_seq) < (n.epoch, n.seq))
        RETURNING t.terminal_id, t.acked_seq, t.tenant, t.acked_at
    )
    INSERT INTO terminal_acks (terminal_id, acked_seq, tenant, acked_at)
    SELECT terminal_id, acked_seq, tenant, acked_at FROM moved
    ON CONFLICT DO NOTHING;
    PERFORM set_config('bellwire.mirrored', '', true);
    IF old_gateways() THEN
        DELETE FROM unseen_orders u USING readings r
        WHERE r.reading_id = ANY (p_readings) AND r.named AND r.said_seq IS NOT NULL
          AND u.tenant = r.tenant AND u.event_seq <= least(r.began_seq, r.said_seq);
    END IF;
END $$;

-- News of readings, the newest state of each; in any order, twice as good as once: how far a reading came, up to where
-- it was acked and how many seconds ago, how long ago and with which code it ended. An ack covers what lies between where
-- the reading's acks begin and what was sent by then. Returns, for each order that was seen first by that, how long it
-- had waited, in seconds.
-- Whatever changes a terminal's readings has the terminal's row locked, in one order; so nothing here can be overtaken.
CREATE FUNCTION advance_readings(
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
               r.covered_seq, r.said_at AS said_before, w.ended_ago, w.code,
               greatest(r.covered_seq, r.from_seq) AS low,
               greatest(r.sent_seq, least(w.sent, b.bound)) AS sent,
               -- An ack of an event of a history that is over counts for nothing.
               greatest(r.said_seq, CASE WHEN w.said <= b.bound THEN w.said END) AS said,
               CASE WHEN w.said <= b.bound AND w.said > coalesce(r.said_seq, -1)
                    THEN clock_timestamp() - make_interval(secs => coalesce(w.said_ago, 0)) END AS said_at
        FROM unnest(p_readings, p_stretches, p_epochs, p_sent, p_said, p_said_ago, p_ended_ago, p_codes)
             AS w (reading_id, stretch, epoch, sent, said, said_ago, ended_ago, code)
        JOIN readings r ON r.reading_id = w.reading_id AND r.stretch = w.stretch
        JOIN tenant_streams s ON s.tenant = r.tenant
        CROSS JOIN LATERAL (SELECT epoch_bound(r.tenant, w.epoch, s.epoch, s.seq) AS bound) b
    ), reach AS (
        SELECT *, CASE WHEN said IS NOT NULL THEN least(said, sent) END AS high,
               coalesce(said_at, said_before, clock_timestamp()) AS acked_at
        FROM word
    ), moved AS (
        UPDATE readings r
        SET epoch = n.epoch, sent_seq = n.sent, said_seq = n.said, said_at = coalesce(n.said_at, r.said_at),
            covered_seq = CASE WHEN n.high > n.low THEN n.high ELSE r.covered_seq END,
            ended_at = coalesce(r.ended_at, clock_timestamp() - make_interval(secs => n.ended_ago)),
            code = coalesce(r.code, n.code)
        FROM reach n
        WHERE r.reading_id = n.reading_id AND r.stretch = n.stretch
          AND (n.sent > r.sent_seq OR n.said IS DISTINCT FROM r.said_seq OR n.high > n.low
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

-- A page that a polling terminal is about to be given: it goes on from a chain of polls with this filter, or begins one.
-- `p_start`, where it begins, and `p_end`, how far the log was looked through, are of `p_epoch`; `p_named`: the terminal
-- named `p_start`. `p_new` is the chain's name when there is none to go on from. Returns its name.
CREATE FUNCTION poll_reading(
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
      AND CASE WHEN p_named THEN r.began_seq <= began AND began <= r.sent_seq
               ELSE r.began_seq = began AND r.from_seq = began END
    ORDER BY r.from_seq DESC, r.no DESC LIMIT 1;
    -- A stream that began later may have given the offset: that is for settle_tails.
    IF FOUND AND NOT (p_named AND EXISTS (
        SELECT FROM readings r
        WHERE r.terminal_id = p_terminal AND r.door <> 'polling' AND r.from_seq > chain.from_seq AND r.began_seq <= began
          AND r.types IS NOT DISTINCT FROM p_types AND r.stations IS NOT DISTINCT FROM p_stations
          AND r.categories IS NOT DISTINCT FROM p_categories
          AND (r.sent_seq >= began OR r.ended_at IS NULL)
    )) THEN
        IF came > chain.sent_seq OR chain.polled_at < clock_timestamp() - interval '5 seconds' THEN
            UPDATE readings
            SET sent_seq = greatest(sent_seq, came), epoch = stream.epoch, polled_at = clock_timestamp()
            WHERE reading_id = chain.reading_id AND stretch = chain.stretch;
        END IF;
        RETURN chain.reading_id;
    END IF;
    INSERT INTO readings (
        reading_id, no, tenant, terminal_id, door, address, agent, types, stations, categories, named, tail, epoch,
        began_seq, from_seq, sent_seq, began_at, polled_at
    ) VALUES (
        p_new, nextval('readings_no'), p_tenant, p_terminal, 'polling', p_address, p_agent, p_types, p_stations,
        p_categories, p_named, p_named AND p_start <= bound AND NOT old_gateways(), stream.epoch, began, began,
        greatest(began, came), clock_timestamp(), clock_timestamp()
    );
    RETURN p_new;
END $$;

-- Until the `post` migration: an ack that a version before this one took, or that may be of a stream at one, silences
-- alarms as it did there, and gives no receipt.
CREATE FUNCTION silence_as_before(p_tenant text, p_epoch integer, p_seq bigint) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM unseen_orders WHERE tenant = p_tenant AND (event_epoch, event_seq) <= (p_epoch, p_seq)
$$;

CREATE FUNCTION silence_as_before() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('bellwire.mirrored', true) IS DISTINCT FROM 'on' THEN
        DELETE FROM unseen_orders u USING terminals_now n JOIN terminals_then t USING (terminal_id)
        WHERE n.acked_seq IS NOT NULL AND (n.acked_epoch, n.acked_seq) IS DISTINCT FROM (t.acked_epoch, t.acked_seq)
          AND u.tenant = n.tenant AND (u.event_epoch, u.event_seq) <= (n.acked_epoch, n.acked_seq);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER terminals_acked_before AFTER UPDATE ON terminals
    REFERENCING OLD TABLE AS terminals_then NEW TABLE AS terminals_now
    FOR EACH STATEMENT EXECUTE FUNCTION silence_as_before();

-- An ack that came over HTTP. It belongs to the reading that it names; without a name to the one reading that may have
-- given the offset, of several with one filter to the one that claims least, of several with different filters to none.
-- `known`: the name is one of this terminal's readings. `waited` as advance_readings returns it.
CREATE FUNCTION ack_reading(
    p_tenant text, p_terminal uuid, p_reading uuid, p_epoch integer, p_seq bigint, OUT known boolean,
    OUT waited double precision[]
) LANGUAGE plpgsql AS $$
DECLARE
    mine uuid := p_reading;
    filters integer;
BEGIN
    known := true;
    PERFORM FROM terminals WHERE terminal_id = p_terminal AND tenant = p_tenant FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        known := p_reading IS NULL;
        RETURN;
    END IF;
    IF p_seq > (
        SELECT epoch_bound(p_tenant, p_epoch, s.epoch, s.seq) FROM tenant_streams s WHERE s.tenant = p_tenant
    ) THEN
        RETURN;
    END IF;
    IF p_reading IS NULL THEN
        SELECT count(DISTINCT (r.types, r.stations, r.categories)),
               (array_agg(r.reading_id ORDER BY r.from_seq DESC, r.no DESC))[1]
        INTO filters, mine
        FROM readings r LEFT JOIN gateways g ON g.gateway = r.gateway
        WHERE r.terminal_id = p_terminal AND r.began_seq <= p_seq
          AND (r.sent_seq >= p_seq OR (r.door <> 'polling' AND r.ended_at IS NULL
                                       AND g.renewed_at > clock_timestamp() - interval '1 minute'));
        IF old_gateways() THEN
            -- Maybe of a stream there.
            PERFORM silence_as_before(p_tenant, p_epoch, p_seq);
            RETURN;
        END IF;
        IF filters <> 1 THEN
            RETURN;
        END IF;
    END IF;
    known := EXISTS (SELECT FROM readings WHERE reading_id = mine AND terminal_id = p_terminal);
    IF known THEN
        -- A poll's row has come as far as any of its answers; a stream's may be half a second behind.
        SELECT array_agg(a.seconds) INTO waited FROM (
            SELECT array_agg(r.reading_id) AS readings, array_agg(r.stretch) AS stretches,
                   array_agg(p_epoch) AS epochs,
                   array_agg(CASE WHEN r.door = 'polling' THEN least(p_seq, r.sent_seq) ELSE p_seq END) AS said
            FROM readings r WHERE r.reading_id = mine
        ) w CROSS JOIN LATERAL advance_readings(
            w.readings, w.stretches, w.epochs, NULL, NULL, w.said, NULL, NULL, NULL
        ) AS a (seconds);
    END IF;
END $$;

-- The last ack of a reading whose filter lets through all that this one does: what `after=acked` means.
CREATE FUNCTION newest_ack(
    p_terminal uuid, p_types text[], p_stations text[], p_categories text[], OUT epoch integer, OUT seq bigint
) LANGUAGE sql STABLE AS $$
    SELECT r.epoch, least(r.said_seq, r.sent_seq) FROM readings r
    WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
      AND (r.types IS NULL OR r.types @> p_types) AND (r.stations IS NULL OR r.stations @> p_stations)
      AND (r.categories IS NULL OR r.categories @> p_categories)
    ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1
$$;

-- A terminal's newest ack of all, and when it came; an older one than its readings reach back to is on the terminal's row.
CREATE FUNCTION newest_ack(p_terminal uuid, OUT epoch integer, OUT seq bigint, OUT acked_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT a.epoch, a.seq, a.acked_at FROM (
        (
            SELECT r.epoch, least(r.said_seq, r.sent_seq) AS seq, r.said_at AS acked_at FROM readings r
            WHERE r.terminal_id = p_terminal AND r.said_seq IS NOT NULL
            ORDER BY r.said_at DESC, r.no DESC, r.stretch DESC LIMIT 1
        ) UNION ALL
        SELECT t.acked_epoch, t.acked_seq, t.acked_at FROM terminals t
        WHERE t.terminal_id = p_terminal AND t.acked_seq IS NOT NULL
    ) a ORDER BY a.acked_at DESC NULLS LAST, a.epoch DESC, a.seq DESC LIMIT 1
$$;

-- Orders that a terminal was shown by a list, or by hand: a receipt for each. `unknown` are those that are not the
-- tenant's; then nothing is written.
CREATE FUNCTION see_orders(
    p_tenant text, p_terminal uuid, p_orders uuid[], OUT unknown uuid[], OUT waited double precision[]
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT array_agg(a.order_id) INTO unknown FROM unnest(p_orders) AS a (order_id)
    WHERE NOT EXISTS (SELECT FROM orders o WHERE o.tenant = p_tenant AND o.order_id = a.order_id);
    IF unknown IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO order_receipts (order_id, receiver, by)
    SELECT DISTINCT a.order_id, p_terminal, 'list' FROM unnest(p_orders) AS a (order_id)
    ON CONFLICT DO NOTHING;
    WITH seen AS (
        SELECT u.tenant, u.event_seq, u.attempt, u.placed_at
        FROM orders o
        JOIN unseen_orders u ON u.tenant = o.tenant AND u.event_seq = o.event_seq
        JOIN terminals t ON t.terminal_id = p_terminal
        JOIN tenants s ON s.tenant = o.tenant
        WHERE o.tenant = p_tenant AND o.order_id = ANY (p_orders) AND u.seen_at IS NULL
          AND (s.alarm_roles IS NULL OR t.role = ANY (s.alarm_roles))
        ORDER BY u.tenant, u.event_seq FOR UPDATE OF u
    ), gone AS (
        DELETE FROM unseen_orders u USING seen
        WHERE u.tenant = seen.tenant AND u.event_seq = seen.event_seq AND seen.attempt = 0
    ), told AS (
        UPDATE unseen_orders u SET seen_by = p_terminal, seen_at = clock_timestamp(), alarm_at = clock_timestamp()
        FROM seen
        WHERE u.tenant = seen.tenant AND u.event_seq = seen.event_seq AND seen.attempt > 0
    )
    SELECT array_agg(extract(epoch FROM clock_timestamp() - placed_at)::float8) INTO waited FROM seen;
END $$;

-- From when on receipts are kept as coverage.
DO $$
BEGIN
    EXECUTE format(
        'CREATE FUNCTION receipts_since() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS %L',
        format('SELECT %L::timestamptz', clock_timestamp())
    );
END $$;

-- The receipts of an order: for each terminal, and each webhook that counts, when it first had it.
CREATE FUNCTION receipts_of(p_order orders)
RETURNS TABLE (terminal_id uuid, webhook_id uuid, name text, acked_at timestamptz, by text)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (d.terminal_id) d.terminal_id, NULL::uuid, d.name, a.acked_at, a.by
    FROM terminals d CROSS JOIN LATERAL (
        SELECT c.acked_at, 'stream' AS by
        FROM coverage c JOIN readings r ON r.reading_id = c.reading_id AND r.stretch = c.stretch
        WHERE c.terminal_id = d.terminal_id AND c.to_seq >= p_order.event_seq AND c.from_seq < p_order.event_seq
          AND c.epoch >= p_order.event_epoch
          AND reading_passes(r.types, r.stations, r.categories, p_order.stations, p_order.categories)
        UNION ALL
        SELECT l.acked_at, l.by FROM order_receipts l
        WHERE l.order_id = p_order.order_id AND l.receiver = d.terminal_id AND l.by = 'list'
        UNION ALL
        -- An order from before keeps the receipts that it had.
        SELECT b.acked_at, 'stream' FROM terminal_acks b
        WHERE p_order.created_at < receipts_since() AND b.terminal_id = d.terminal_id
          AND b.acked_seq >= p_order.event_seq AND b.acked_at < receipts_since()
    ) a
    WHERE d.tenant = p_order.tenant
    ORDER BY d.terminal_id, a.acked_at
$$;

-- An order as before; one that makes an event is unseen until somebody who counts has it.
CREATE OR REPLACE FUNCTION place_order(
    p_tenant text, p_key text, p_fingerprint bytea,
    p_order_id uuid, p_source text, p_order_type text,
    p_customer_name text, p_customer_phone text, p_customer_email text, p_special_instructions text,
    p_total_cents bigint, p_total text,
    p_names text[], p_quantities integer[], p_unit_prices bigint[], p_notes text[],
    p_data text
) RETURNS write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    stream tenant_streams;
    event committed_event;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN stored;
    END IF;
    UPDATE tenant_streams
    SET order_seq = order_seq + 1, seq = seq + (p_data IS NOT NULL)::integer
    WHERE tenant = p_tenant
    RETURNING * INTO STRICT stream;
    IF p_data IS NOT NULL THEN
        event := append_event(
            p_tenant, stream.epoch, stream.seq, 'new_order',
            splice_json('"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq) || '"', p_data)
        );
        INSERT INTO unseen_orders (tenant, event_seq, event_epoch, order_id, placed_at, counts_from, alarm_at)
        SELECT p_tenant, stream.seq, stream.epoch, p_order_id, now(), now(),
               now() + make_interval(secs => t.ack_deadline_seconds)
        FROM tenants t WHERE t.tenant = p_tenant;
    END IF;
    INSERT INTO orders (
        order_id, tenant, order_seq, source, order_type, customer_name, customer_phone, customer_email,
        special_instructions, total_cents, event_epoch, event_seq
    ) VALUES (
        p_order_id, p_tenant, stream.order_seq, p_source, p_order_type, p_customer_name, p_customer_phone,
        p_customer_email, p_special_instructions, p_total_cents, event.epoch, event.seq
    );
    INSERT INTO order_items (order_id, position, name, quantity, unit_price_cents, notes)
    SELECT p_order_id, item.position, item.name, item.quantity, item.unit_price, item.notes
    FROM unnest(p_names, p_quantities, p_unit_prices, p_notes)
         WITH ORDINALITY AS item (name, quantity, unit_price, notes, position);
    INSERT INTO order_status_history (order_id, position, status) VALUES (p_order_id, 1, 'pending');
    RETURN idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(stream.order_seq)
        || '","status":"pending","totalAmount":' || p_total
        || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
END $$;

-- A step of an order's status, as before; one out of `pending` ends its being unseen.
CREATE OR REPLACE FUNCTION change_order_status(
    p_tenant text, p_key text, p_fingerprint bytea, p_order_id uuid, p_status text, p_from text[]
) RETURNS SETOF write_result
LANGUAGE plpgsql AS $$
DECLARE
    stored write_result;
    changed orders;
    stream tenant_streams;
    event committed_event;
    earned bigint := 0;
    members text;
BEGIN
    stored := idempotency_check(p_tenant, p_key, p_fingerprint);
    IF stored.outcome IS NOT NULL THEN
        RETURN NEXT stored;
        RETURN;
    END IF;
    SELECT * INTO changed FROM orders WHERE tenant = p_tenant AND order_id = p_order_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NEXT idempotency_keep(p_tenant, p_key, p_fingerprint, 'not_found', '{}', NULL);
        RETURN;
    END IF;
    IF changed.status <> ALL (p_from) THEN
        RETURN NEXT idempotency_keep(
            p_tenant, p_key, p_fingerprint, 'wrong_step', '{"status":"' || changed.status || '"}', NULL
        );
        RETURN;
    END IF;
    UPDATE orders SET status = p_status, updated_at = now() WHERE order_id = p_order_id;
    -- Rows of orders, then of unseen_orders, then of tenant_streams: everybody locks in this order.
    IF changed.status = 'pending' AND changed.event_seq IS NOT NULL THEN
        DELETE FROM unseen_orders WHERE tenant = p_tenant AND event_seq = changed.event_seq;
    END IF;
    INSERT INTO order_status_history (order_id, position, status)
    SELECT p_order_id, max(position) + 1, p_status FROM order_status_history WHERE order_id = p_order_id;
    members := '"orderId":"' || p_order_id || '","orderNumber":"' || order_number(changed.order_seq)
        || '","status":"' || p_status || '","previousStatus":"' || changed.status || '"';
    IF p_status = 'completed' THEN
        earned := order_points(changed);
    END IF;
    IF earned > 0 THEN
        PERFORM lock_account(p_tenant, phone_digits(changed.customer_phone));
    END IF;
    IF changed.source = 'online' THEN
        UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
        event := append_event(p_tenant, stream.epoch, stream.seq, 'order_updated', '{' || members || '}');
    END IF;
    RETURN NEXT idempotency_keep(
        p_tenant, p_key, p_fingerprint, 'ok',
        '{' || members || ',"offset":' || coalesce('"' || event.epoch || '-' || event.seq || '"', 'null') || '}',
        event
    );
    IF earned > 0 THEN
        stored.outcome := 'ok';
        stored.replayed := false;
        stored.event := earn_order_points(changed, earned);
        RETURN NEXT stored;
    END IF;
END $$;

-- The alarm of an order that is due. Null when there is none to give: it was seen, has moved on, is not due, or another
-- pod is at it at this moment.
CREATE OR REPLACE FUNCTION alarm_order(p_tenant text, p_order_id uuid) RETURNS committed_event
LANGUAGE plpgsql AS $$
DECLARE
    placed orders;
    unseen unseen_orders;
    stream tenant_streams;
BEGIN
    SELECT * INTO placed FROM orders
    WHERE tenant = p_tenant AND order_id = p_order_id AND status = 'pending' AND event_seq IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO unseen FROM unseen_orders
    WHERE tenant = p_tenant AND event_seq = placed.event_seq AND attempt = 0 AND seen_at IS NULL
      AND alarm_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE unseen_orders SET attempt = 1, alarm_at = NULL WHERE tenant = p_tenant AND event_seq = placed.event_seq;
    UPDATE orders SET alarmed_at = clock_timestamp() WHERE order_id = p_order_id;
    UPDATE tenant_streams SET seq = seq + 1 WHERE tenant = p_tenant RETURNING * INTO STRICT stream;
    RETURN append_event(
        p_tenant, stream.epoch, stream.seq, 'order_unacknowledged',
        '{"orderId":"' || p_order_id || '","orderNumber":"' || order_number(placed.order_seq)
        || '","orderOffset":"' || placed.event_epoch || '-' || placed.event_seq
        || '","waitedSeconds":' || floor(extract(epoch FROM clock_timestamp() - unseen.counts_from))::bigint || '}'
    );
END $$;
