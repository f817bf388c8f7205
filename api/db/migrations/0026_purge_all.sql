-- release: 0.2.0
-- phase: pre
--
-- A deleted test tenant's rows go from every table that has a `tenant`, be it made after this file.

-- Take up to about `p_limit` rows of a deleted tenant away; returns how many went, 0 when there is nothing to do for this
-- pod: all is gone, another pod is at it, or keys that are remembered may still write.
CREATE OR REPLACE FUNCTION purge_tenant(p_tenant text, p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    gone integer;
    own text;
    doomed uuid[];
BEGIN
    PERFORM FROM tenants
    WHERE tenant = p_tenant AND deleted_at < clock_timestamp() - interval '10 seconds' AND purged_at IS NULL
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    -- Nothing is written behind this.
    DELETE FROM tenant_streams WHERE tenant = p_tenant;
    -- Each table that has a tenant's rows and to which nothing refers, one that a later version makes, too; those that
    -- are found by something else than the tenant come below.
    FOR own IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
          AND NOT EXISTS (SELECT FROM pg_constraint r WHERE r.contype = 'f' AND r.confrelid = c.oid)
          AND c.relname <> ALL (ARRAY[
              'audit_trail', 'tenant_streams', 'stream_forks', 'api_keys', 'readings', 'coverage', 'terminal_acks',
              'pos_gift_card_transactions', 'pos_loyalty_transactions'
          ])
        ORDER BY c.relname
    LOOP
        EXECUTE format(
            'DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE tenant = $1 LIMIT $2))', own
        ) USING p_tenant, p_limit;
        GET DIAGNOSTICS gone = ROW_COUNT;
        IF gone > 0 THEN
            RETURN gone;
        END IF;
    END LOOP;
    DELETE FROM pos_sync_logs l USING (
        SELECT seq, committed_at FROM pos_sync_logs WHERE tenant = p_tenant ORDER BY seq LIMIT p_limit
    ) old
    WHERE l.tenant = p_tenant AND l.seq = old.seq AND l.committed_at = old.committed_at;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone > 0 THEN
        RETURN gone;
    END IF;
    -- An order goes with all that is its own.
    doomed := ARRAY(
        SELECT order_id FROM orders WHERE tenant = p_tenant ORDER BY order_seq LIMIT greatest(p_limit / 10, 1)
    );
    IF doomed <> '{}' THEN
        DELETE FROM order_receipts WHERE order_id = ANY (doomed);
        DELETE FROM order_status_history WHERE order_id = ANY (doomed);
        DELETE FROM order_items WHERE order_id = ANY (doomed);
        DELETE FROM orders WHERE order_id = ANY (doomed);
        RETURN cardinality(doomed);
    END IF;
    doomed := ARRAY(SELECT card_id FROM gift_cards WHERE tenant = p_tenant LIMIT greatest(p_limit / 10, 1));
    IF doomed <> '{}' THEN
        DELETE FROM pos_gift_card_transactions WHERE card_id = ANY (doomed);
        DELETE FROM gift_cards WHERE card_id = ANY (doomed);
        RETURN cardinality(doomed);
    END IF;
    doomed := ARRAY(SELECT customer_id FROM loyalty_accounts WHERE tenant = p_tenant LIMIT greatest(p_limit / 10, 1));
    IF doomed <> '{}' THEN
        DELETE FROM pos_loyalty_transactions WHERE customer_id = ANY (doomed);
        DELETE FROM loyalty_accounts WHERE customer_id = ANY (doomed);
        RETURN cardinality(doomed);
    END IF;
    -- What a terminal said and was given, then the terminal.
    doomed := ARRAY(SELECT terminal_id FROM terminals WHERE tenant = p_tenant LIMIT greatest(p_limit / 100, 1));
    IF doomed <> '{}' THEN
        FOREACH own IN ARRAY ARRAY['coverage', 'readings', 'terminal_acks'] LOOP
            EXECUTE format(
                'DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE terminal_id = ANY ($1) LIMIT $2))',
                own
            ) USING doomed, p_limit;
            GET DIAGNOSTICS gone = ROW_COUNT;
            IF gone > 0 THEN
                RETURN gone;
            END IF;
        END LOOP;
        DELETE FROM api_keys WHERE terminal_id = ANY (doomed);
        DELETE FROM terminals WHERE terminal_id = ANY (doomed);
        RETURN cardinality(doomed);
    END IF;
    DELETE FROM api_keys WHERE tenant = p_tenant;
    DELETE FROM stream_forks WHERE tenant = p_tenant;
    UPDATE tenants SET purged_at = clock_timestamp() WHERE tenant = p_tenant;
    RETURN 1;
END $$;
