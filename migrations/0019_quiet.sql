-- A pass that finds nothing, as nearly all do, gives its lease back together with others that end in the same moment. Each
-- did so by a statement of its own, orders by four: three quarters of what an idle database did was to wake up for them.

CREATE FUNCTION rocksync.is_deliverable(only_tenant bigint, only_kind text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'pending'
                      AND i.next_attempt_at <= clock_timestamp())
        OR (only_kind = 'order'
            AND (EXISTS (SELECT FROM rocksync.reservation r WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted)
                 OR EXISTS (SELECT FROM rocksync.hub_order o WHERE o.tenant_id = only_tenant AND o.missing_skus <> '{}')));
END $$;
COMMENT ON FUNCTION rocksync.is_deliverable IS
    'Workers only: whether an item is due, or, of orders, reservations are to be settled or a SKU is waited for.';

DROP FUNCTION rocksync.fold(bigint, text, bigint, integer, boolean);
CREATE FUNCTION rocksync.fold(
    only_tenant bigint, only_kind text, token bigint, max_changes integer,
    OUT held boolean, OUT folded bigint, OUT deliverable boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    folded := 0;
    deliverable := false;
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
    deliverable := rocksync.is_deliverable(only_tenant, only_kind);
END $$;
COMMENT ON FUNCTION rocksync.fold IS 'Workers only: turn committed changes of one tenant and kind into pending items.';

-- Nothing here waits for a lock: what somebody else has in hand is left to the pass itself. A pass over orders that comes to
-- this has read the hub.
CREATE FUNCTION rocksync.give_back(tenants bigint[], kinds text[], tokens bigint[]) RETURNS SETOF integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    held boolean;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true); -- what a crash of the server undoes is a lease that runs out
    FOR n IN 1 .. cardinality(tenants) LOOP
        SELECT s.lease_worker IS NOT NULL INTO held FROM rocksync.schedule s
         WHERE s.tenant_id = tenants[n] AND s.kind = kinds[n] AND s.lease_token = tokens[n]
           FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND AND held
           AND NOT EXISTS (SELECT FROM rocksync.change c WHERE c.tenant_id = tenants[n] AND c.kind = kinds[n])
           AND NOT rocksync.is_deliverable(tenants[n], kinds[n])
           AND rocksync.finish(tenants[n], kinds[n], tokens[n], true, kinds[n] = 'order') THEN
            RETURN NEXT n;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION rocksync.give_back IS
    'Workers only: end passes for which nothing is due; returns the places of those that were ended.';
