-- What a rule or a trigger of the platform refuses to be reserved of one SKU stays unsettled, which counts as not sellable all
-- the same: it must not keep orders from being imported, nor the stock of other SKUs from being shown and sent.

CREATE FUNCTION rocksync.show_reservations(only_tenant bigint, only_sku text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    n integer;
    skus text[];
    reserved integer[];
    on_hand integer[];
    other text;
BEGIN
    WITH due AS MATERIALIZED (
        SELECT r.order_id, r.sku, r.quantity, r.settled, r.wanted, s.reserved, s.on_hand
          FROM rocksync.reservation r JOIN store.stock s ON s.tenant_id = r.tenant_id AND s.sku = r.sku
         WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted AND (only_sku IS NULL OR r.sku = only_sku)
           AND NOT EXISTS (SELECT FROM rocksync.replaced_stock p WHERE p.tenant_id = only_tenant AND p.sku IN (r.sku, ''))
         ORDER BY r.sku
           FOR UPDATE OF r, s SKIP LOCKED),
    moved AS (
        SELECT due.sku, due.reserved, due.on_hand, -- as they are, now that they are locked
               sum(CASE wanted WHEN 'reserved' THEN quantity ELSE 0 END - CASE settled WHEN 'reserved' THEN quantity ELSE 0 END) AS more_reserved,
               sum(CASE wanted WHEN 'taken' THEN -quantity ELSE 0 END - CASE settled WHEN 'taken' THEN -quantity ELSE 0 END) AS more_on_hand
          FROM due GROUP BY due.sku, due.reserved, due.on_hand),
    aim AS MATERIALIZED ( -- absurd quantities end at the bounds of an integer: one order must not stop all
        SELECT moved.sku, least(greatest(moved.reserved + moved.more_reserved, 0), 2147483647)::integer AS reserved,
               least(greatest(moved.on_hand + moved.more_on_hand, -2147483648), 2147483647)::integer AS on_hand
          FROM moved),
    shown AS (
        UPDATE store.stock s
           SET reserved = aim.reserved, on_hand = aim.on_hand, updated_at = now()
          FROM aim
         WHERE s.tenant_id = only_tenant AND s.sku = aim.sku),
    settled AS (
        UPDATE rocksync.reservation r SET settled = r.wanted
          FROM due WHERE r.tenant_id = only_tenant AND r.order_id = due.order_id AND r.sku = due.sku
        RETURNING 1)
    SELECT (SELECT count(*) FROM settled), array_agg(aim.sku), array_agg(aim.reserved), array_agg(aim.on_hand)
      INTO n, skus, reserved, on_hand
      FROM aim;
    -- a trigger may leave a row as it was, or write something else, without an error
    SELECT min(a.sku) INTO other
      FROM unnest(skus, reserved, on_hand) AS a (sku, reserved, on_hand)
      LEFT JOIN store.stock s ON s.tenant_id = only_tenant AND s.sku = a.sku
     WHERE (s.reserved, s.on_hand) IS DISTINCT FROM (a.reserved, a.on_hand);
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'store.stock does not keep what was written of SKU %', other;
    END IF;
    RETURN n;
END $$;
COMMENT ON FUNCTION rocksync.show_reservations IS 'Shows in store.stock what orders hold of a SKU, or of all (null), as far as its rows are free; returns how many. Raises what the platform refuses.';

-- A view of which some columns can be updated had each SKU tried at every pass over orders, and refused in Postgres' log.
-- Views that are updated by an INSTEAD OF trigger or a rule need none for DELETE, which pg_column_is_updatable asks for.
CREATE FUNCTION rocksync.unwritable_stock() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}')
      FROM pg_attribute a, pg_relation_is_updatable('store.stock'::regclass, true) AS events
     WHERE a.attrelid = 'store.stock'::regclass AND a.attname IN ('on_hand', 'reserved', 'updated_at')
       AND (events & 4 = 0 OR (events & 16 <> 0 AND NOT pg_column_is_updatable(a.attrelid, a.attnum, true)))
$$;
COMMENT ON FUNCTION rocksync.unwritable_stock IS 'Columns of store.stock, a view, that would show what orders hold and cannot be updated; none: it is shown.';

CREATE OR REPLACE FUNCTION rocksync.settle(only_tenant bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n integer;
    of_none integer;
    each text;
BEGIN
    IF NOT EXISTS (SELECT FROM rocksync.reservation r WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted)
       AND NOT EXISTS (SELECT FROM rocksync.replaced_stock p WHERE p.tenant_id = only_tenant) THEN
        RETURN 0;
    END IF;
    -- what was never shown and is not to be shown
    UPDATE rocksync.reservation r SET settled = r.wanted
     WHERE (r.tenant_id, r.order_id, r.sku) IN (
           SELECT f.tenant_id, f.order_id, f.sku FROM rocksync.reservation f
            WHERE f.tenant_id = only_tenant AND f.settled = 'none' AND f.wanted = 'released'
              FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS of_none = ROW_COUNT;
    BEGIN
        LOCK TABLE store.stock IN ROW EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available OR wrong_object_type THEN
        RETURN of_none;
    END;
    IF rocksync.unwritable_stock() <> '{}' THEN
        RETURN of_none;
    END IF;
    WITH emptied AS (
        DELETE FROM rocksync.replaced_stock d
         WHERE d.ctid = ANY (ARRAY(SELECT c.ctid FROM rocksync.replaced_stock c
                                    WHERE c.tenant_id = only_tenant AND c.sku = '' FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    INSERT INTO rocksync.replaced_stock (tenant_id, sku)
    SELECT DISTINCT only_tenant, r.sku FROM rocksync.reservation r
     WHERE r.tenant_id = only_tenant AND r.settled = 'reserved' AND EXISTS (SELECT FROM emptied);
    -- A row that came in the place of one that showed them, and has less reserved than they are, shows none of them.
    WITH replaced AS (
        DELETE FROM rocksync.replaced_stock d
         WHERE d.ctid = ANY (ARRAY(SELECT c.ctid FROM rocksync.replaced_stock c
                                     JOIN store.stock s ON s.tenant_id = c.tenant_id AND s.sku = c.sku
                                    WHERE c.tenant_id = only_tenant FOR UPDATE OF c SKIP LOCKED))
        RETURNING d.sku),
    forgotten AS (
        SELECT s.sku
          FROM (SELECT DISTINCT sku FROM replaced) p
          JOIN store.stock s ON s.tenant_id = only_tenant AND s.sku = p.sku
          JOIN rocksync.reservation r ON r.tenant_id = only_tenant AND r.sku = s.sku AND r.settled = 'reserved'
         GROUP BY s.sku, s.reserved
        HAVING s.reserved < sum(r.quantity))
    UPDATE rocksync.reservation r SET settled = 'none'
      FROM forgotten f
     WHERE r.tenant_id = only_tenant AND r.sku = f.sku AND r.settled = 'reserved';
    -- What was replaced since that statement is left for later: whoever sees the new row sees that it is one, too.
    BEGIN
        n := rocksync.show_reservations(only_tenant, NULL);
    EXCEPTION WHEN OTHERS THEN -- each alone, and that which is refused at another time
        n := 0;
        FOR each IN SELECT DISTINCT r.sku FROM rocksync.reservation r
                     WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted ORDER BY r.sku LOOP
            BEGIN
                n := n + rocksync.show_reservations(only_tenant, each);
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'what orders hold of SKU % cannot be shown in store.stock: %', each, SQLERRM;
            END;
        END LOOP;
    END;
    RETURN n + of_none;
END $$;

COMMENT ON COLUMN store.sales_order.total IS 'BRL, as Plugg.to says; if it says none, subtotal (else the sum of the lines) and shipping, less discount.';
