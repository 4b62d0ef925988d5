-- A first export has a price and a stock for every SKU, none of which can go before its product is created. Their items begin
-- as waiting for it, as a pass would leave them, instead of being read, mapped and set aside one by one.

-- The product, on sale and seen by no pass yet, that a new price or stock waits for. No row: a pass has to say. (Without a
-- search path of its own, it becomes part of the statement that asks.)
CREATE FUNCTION rocksync.awaited(only_tenant bigint, only_kind text, only_sku text) RETURNS TABLE (product_sku text)
LANGUAGE sql STABLE AS $$
    SELECT p.sku
      FROM (SELECT coalesce((SELECT v.product_sku FROM store.variation v
                              WHERE v.tenant_id = only_tenant AND v.sku = only_sku AND v.active), only_sku) AS sku) s
      JOIN store.product p ON p.tenant_id = only_tenant AND p.sku = s.sku AND p.active
     WHERE only_kind IN ('price', 'stock')
       AND NOT EXISTS (SELECT FROM rocksync.item i
                        WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.key = only_sku)
       AND CASE only_kind
               WHEN 'price' THEN EXISTS (SELECT FROM store.price c WHERE c.tenant_id = only_tenant AND c.sku = only_sku)
               ELSE EXISTS (SELECT FROM store.stock c WHERE c.tenant_id = only_tenant AND c.sku = only_sku) END
       AND (p.sku <> only_sku
            OR NOT EXISTS (SELECT FROM store.variation v
                            WHERE v.tenant_id = only_tenant AND (v.sku = only_sku OR v.product_sku = only_sku)))
       AND NOT EXISTS (SELECT FROM rocksync.item i
                        WHERE i.tenant_id = only_tenant AND i.kind = 'product' AND i.key = p.sku
                          AND (i.state <> 'pending' OR i.accepted IS NOT NULL OR i.sending IS NOT NULL))
$$;
COMMENT ON FUNCTION rocksync.awaited IS 'Workers only: the product, not created yet, with which a new price or stock goes.';

CREATE OR REPLACE FUNCTION rocksync.fold(
    only_tenant bigint, only_kind text, token bigint, max_changes integer, give_back boolean,
    OUT held boolean, OUT folded bigint, OUT deliverable boolean, OUT given_back boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
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
    SELECT EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'pending'
                      AND i.next_attempt_at <= clock_timestamp()) INTO deliverable;
    IF give_back AND NOT deliverable AND folded < max_changes THEN
        given_back := rocksync.finish(only_tenant, only_kind, token, true, false);
    END IF;
END $$;
