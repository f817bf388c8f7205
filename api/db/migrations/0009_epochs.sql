-- Epochs: the histories that this database has been through, and the rule that none is written on once it is over.

-- What tells one history from another: the server's identity (a restore into another server), its timeline (a promotion,
-- a point-in-time recovery) and this table's own oid (a restore into the same server, which makes the table anew).
CREATE TABLE cluster_epochs (
    epoch             integer PRIMARY KEY CHECK (epoch > 0),
    system_identifier bigint NOT NULL,
    timeline          text NOT NULL,
    table_oid         oid NOT NULL,
    entered_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The newest epoch while this server's history is still that one; null when it is over and a new one has to be entered.
-- The timeline is taken from the write position: right from the first moment after a promotion, when the control file
-- still has the old one, and an error on a standby, which so can never answer as if it were the truth.
CREATE FUNCTION settled_epoch() RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT e.epoch FROM cluster_epochs e, pg_control_system() s
    WHERE e.epoch = (SELECT max(epoch) FROM cluster_epochs)
      AND e.timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
      AND e.system_identifier = s.system_identifier AND e.table_oid = e.tableoid
$$;

-- Enter a new epoch if the newest one is over, and return the one that holds now. Any number of pods may call it at once.
-- Nothing was appended since the history forked (see below), so each tenant's seq is its fork point still.
-- The number is one that no other history can have given out already (two standbys promoted on their own, a backup from
-- before an earlier failover): the seconds since 2026, or the next number where the clock is behind that.
CREATE FUNCTION enter_epoch() RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    newest  integer;
    entered integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('bellwire.epoch', 0));
    entered := settled_epoch();
    IF entered IS NOT NULL THEN
        RETURN entered;
    END IF;
    SELECT max(epoch) INTO newest FROM cluster_epochs;
    IF newest IS NULL THEN
        entered := 1;
    ELSE
        entered := greatest(newest + 1, extract(epoch FROM clock_timestamp() - timestamptz '2026-01-01 00:00:00+00')::integer);
    END IF;
    INSERT INTO cluster_epochs (epoch, system_identifier, timeline, table_oid)
    SELECT entered, system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), 'cluster_epochs'::regclass
    FROM pg_control_system();
    IF newest IS NOT NULL THEN
        WITH moved AS (UPDATE tenant_streams SET epoch = entered RETURNING tenant, seq)
        INSERT INTO stream_forks (tenant, epoch, fork_seq) SELECT tenant, entered, seq FROM moved;
    END IF;
    RETURN entered;
END $$;

SELECT enter_epoch();

-- No position is taken in a history that is over, nor in one that is not entered yet.
CREATE FUNCTION refuse_unsettled_position() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.epoch IS DISTINCT FROM settled_epoch() THEN
        RAISE EXCEPTION 'epoch % is over, or not entered yet', NEW.epoch USING ERRCODE = 'BW001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenant_streams_settled BEFORE UPDATE OF seq ON tenant_streams
    FOR EACH ROW WHEN (NEW.seq <> OLD.seq) EXECUTE FUNCTION refuse_unsettled_position();

-- A new tenant begins in the newest epoch; the lock keeps it from being passed over by one that is just entered.
CREATE FUNCTION begin_in_newest_epoch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('bellwire.epoch', 0));
    SELECT max(epoch) INTO NEW.epoch FROM cluster_epochs;
    RETURN NEW;
END $$;
CREATE TRIGGER tenant_streams_epoch BEFORE INSERT ON tenant_streams
    FOR EACH ROW EXECUTE FUNCTION begin_in_newest_epoch();
