-- release: 0.2.0
-- phase: pre
--
-- The same answers for less, again (0055): what every write asks is planned once a session, and no more with each statement.
-- See docs/decisions/0124-what-an-order-costs.md.

-- As before (0009). A function of SQL that reads tables is planned anew by each statement that calls it, and this one is
-- called by each that takes a position.
CREATE OR REPLACE FUNCTION settled_epoch() RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT e.epoch FROM cluster_epochs e, pg_control_system() s
        WHERE e.epoch = (SELECT max(epoch) FROM cluster_epochs)
          AND e.timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
          AND e.system_identifier = s.system_identifier AND e.table_oid = e.tableoid
    );
END $$;

-- As before (0004). A bigint put behind a text makes a text by whatever the session has set, as far as PostgreSQL knows: such
-- an expression is no part of a caller's that is to be immutable, so the function was called, and planned, by itself.
CREATE OR REPLACE FUNCTION order_number(p_order_seq bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'ORD-' || p_order_seq::text $$;
