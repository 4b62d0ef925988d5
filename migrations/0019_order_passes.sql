-- An order pass that finds nothing ends in the statement that finds that, as the others do, instead of four. It folds once
-- the hub was read, so that giving the lease back tells that the hub was reached.
CREATE OR REPLACE FUNCTION rocksync.fold(
    only_tenant bigint, only_kind text, token bigint, max_changes integer, give_back boolean,
    OUT held boolean, OUT folded bigint, OUT deliverable boolean, OUT given_back boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    folded := 0;
    deliverable := false;
    given_back := false;
    PERFORM FROM rocksync.schedule s
      WHERE s.tenant_id = only_tenant AND s.kind = only_kind AND s.lease_token = token FOR SHARE;
    held := FOUND;
    IF NOT held THEN
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true); -- a crash of the server undoes taking and marking together
    IF EXISTS (SELECT FROM rocksync.change c WHERE c.tenant_id = only_tenant AND c.kind = only_kind) THEN
        WITH taken AS (
            DELETE FROM rocksync.change c
             WHERE c.ctid = ANY (ARRAY(SELECT d.ctid FROM rocksync.change d
                                        WHERE d.tenant_id = only_tenant AND d.kind = only_kind
                                        ORDER BY d.changed_at LIMIT max_changes FOR UPDATE SKIP LOCKED))
            RETURNING c.key, c.changed_at),
        changed AS (
            SELECT t.key, min(t.changed_at) AS changed_at FROM taken t GROUP BY t.key),
        marked AS (
            INSERT INTO rocksync.item AS i (tenant_id, kind, key, state, reason, detail, changed_at)
            SELECT only_tenant, only_kind, c.key, CASE WHEN a.product_sku IS NULL THEN 'pending' ELSE 'skipped' END, 'pending',
                   'waits until product ' || a.product_sku || ' is created at Plugg.to with it',
                   CASE WHEN a.product_sku IS NULL THEN c.changed_at END
              FROM changed c LEFT JOIN LATERAL rocksync.awaited(only_tenant, only_kind, c.key) a ON true
             ORDER BY c.key -- as those do who record what was created: nobody waits for each other
            ON CONFLICT (tenant_id, kind, key) DO UPDATE
               SET state = 'pending', reason = 'pending', detail = NULL, revision = i.revision + 1, attempts = 0,
                   changed_at = least(coalesce(i.changed_at, excluded.changed_at), excluded.changed_at),
                   next_attempt_at = now())
        SELECT count(*) INTO folded FROM taken;
    END IF;
    SELECT EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'pending'
                      AND i.next_attempt_at <= clock_timestamp()) INTO deliverable;
    IF only_kind = 'order' AND NOT deliverable THEN
        deliverable := EXISTS (SELECT FROM rocksync.reservation r WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted)
                       OR EXISTS (SELECT FROM rocksync.hub_order o WHERE o.tenant_id = only_tenant AND o.missing_skus <> '{}');
    END IF;
    IF give_back AND NOT deliverable AND folded < max_changes THEN
        given_back := rocksync.finish(only_tenant, only_kind, token, true, only_kind = 'order');
    END IF;
END $$;
