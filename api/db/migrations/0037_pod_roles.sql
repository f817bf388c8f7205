-- release: 0.2.0
-- phase: pre
--
-- API pods and gateways may have database roles of their own (`bellwire role-settings`), which read and write rows and
-- nothing else. The functions below do what pods do beyond that: they run as their owner, find every name where they were
-- made, and are not everybody's. See docs/decisions/0108-three-database-roles.md.

-- The roles of this installation; none where all pods connect as the owner of the tables. `bellwire migrate` gives them
-- what new tables and functions ask for.
CREATE TABLE pod_roles (
    kind text PRIMARY KEY CHECK (kind IN ('api', 'gateway')),
    role text NOT NULL
);

-- Whether the session itself may do as it likes with the event log: as its owner, or as a member of that role.
CREATE FUNCTION asked_by_owner() RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT pg_has_role(session_user, c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = 'pos_sync_logs'::regclass
$$;

-- As before; a pod's role gets days around today and no others.
CREATE OR REPLACE FUNCTION ensure_event_partitions(p_from date, p_days integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    day date;
    today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF NOT (asked_by_owner() OR (p_days <= 100 AND p_from BETWEEN today - 100 AND today + 100)) THEN
        RAISE EXCEPTION '% days from % on are no days to prepare for', p_days, p_from USING ERRCODE = '42501';
    END IF;
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

-- As before; a pod's role keeps what the shortest retention keeps, a day, whatever it says.
CREATE OR REPLACE FUNCTION drop_event_partitions(p_before date) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    partition text;
    dropped integer := 0;
    before date := p_before;
BEGIN
    IF NOT asked_by_owner() THEN
        before := least(before, (now() AT TIME ZONE 'UTC')::date - 1);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('bellwire.partitions', 0));
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'pos_sync_logs'::regclass
          AND c.relname < 'pos_sync_logs_' || to_char(before, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

-- As purge_tenant, for pods: by itself, that takes a role that may delete events and ledgers. Of test tenants alone, and
-- a tenant is one from its beginning or never.
CREATE FUNCTION purge_deleted_tenant(p_tenant text, p_limit integer) RETURNS integer
LANGUAGE sql AS $$
    SELECT coalesce((SELECT purge_tenant(t.tenant, p_limit) FROM tenants t WHERE t.tenant = p_tenant AND t.is_test), 0)
$$;
CREATE FUNCTION refuse_other_kind_of_tenant() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT asked_by_owner() THEN
        RAISE EXCEPTION 'a tenant is a test tenant from its beginning or never' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenants_stay_of_a_kind BEFORE UPDATE OF is_test ON tenants
    FOR EACH ROW WHEN (NEW.is_test IS DISTINCT FROM OLD.is_test) EXECUTE FUNCTION refuse_other_kind_of_tenant();

-- Delete up to `p_limit` rows of the audit trail that are older than `p_days`, and than 400 days; returns how many went.
CREATE FUNCTION forget_audit(p_days integer, p_limit integer) RETURNS bigint
LANGUAGE sql AS $$
    WITH old AS (
        SELECT entry_id FROM audit_trail WHERE at < now() - make_interval(days => greatest(p_days, 400))
        LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM audit_trail a USING old WHERE a.entry_id = old.entry_id RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Whether `p_new` is `p_old` with some values taken out: gone, null, or `(erased)`.
CREATE FUNCTION is_erasure(p_new jsonb, p_old jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_new = p_old OR p_new IN ('null', '"(erased)"') THEN
        RETURN true;
    ELSIF jsonb_typeof(p_new) = 'object' AND jsonb_typeof(p_old) = 'object' THEN
        RETURN NOT EXISTS (
            SELECT FROM jsonb_each(p_new) AS n
            WHERE NOT p_old ? n.key OR NOT is_erasure(n.value, p_old -> n.key)
        );
    ELSIF jsonb_typeof(p_new) = 'array' AND jsonb_typeof(p_old) = 'array' THEN
        RETURN jsonb_array_length(p_new) <= jsonb_array_length(p_old) AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(p_new) WITH ORDINALITY AS n (value, place)
            WHERE NOT is_erasure(n.value, p_old -> (n.place - 1)::integer)
        );
    END IF;
    RETURN false;
END $$;

-- Overwrite an event with what is left of it when somebody was forgotten. An event may lose values and gets no others;
-- its envelope stays.
CREATE FUNCTION erase_event(p_tenant text, p_seq bigint, p_committed_at timestamptz, p_payload bytea) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old_event jsonb;
    new_event jsonb := convert_from(p_payload, 'UTF8')::jsonb;
BEGIN
    SELECT convert_from(payload, 'UTF8')::jsonb INTO STRICT old_event FROM pos_sync_logs
    WHERE tenant = p_tenant AND seq = p_seq AND committed_at = p_committed_at FOR UPDATE;
    IF new_event - 'data' <> old_event - 'data' OR NOT is_erasure(new_event -> 'data', old_event -> 'data') THEN
        RAISE EXCEPTION 'event % of % would say something else', p_seq, p_tenant USING ERRCODE = '42501';
    END IF;
    UPDATE pos_sync_logs SET payload = p_payload
    WHERE tenant = p_tenant AND seq = p_seq AND committed_at = p_committed_at;
END $$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'ensure_event_partitions(date, integer)', 'drop_event_partitions(date)', 'enter_epoch()',
        'purge_deleted_tenant(text, integer)', 'forget_audit(integer, integer)',
        'erase_event(text, bigint, timestamptz, bytea)'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', signature, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    END LOOP;
END $$;
