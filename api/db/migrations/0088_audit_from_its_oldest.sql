-- release: 0.2.0
-- phase: pre
--
-- As it is (0037), but it looks at the oldest entries alone: each hour it went through the whole trail to find that
-- nothing in it is 400 days old.
CREATE OR REPLACE FUNCTION forget_audit(p_days integer, p_limit integer) RETURNS bigint
LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM audit_trail WHERE entry_id = ANY (ARRAY(
            SELECT a.entry_id FROM audit_trail a WHERE a.entry_id = ANY (ARRAY(
                SELECT oldest.entry_id
                FROM (SELECT entry_id, at FROM audit_trail ORDER BY entry_id LIMIT p_limit) AS oldest
                WHERE oldest.at < now() - make_interval(days => greatest(p_days, 400))
            )) FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION forget_audit(integer, integer) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema()
    );
END $$;
