-- What an order holds of a stock row is held of the row that takes its place: a platform that loads its stock anew deletes
-- rows, or empties the table, and writes them again without what was reserved. Whoever is to see to that is told by rows that
-- are only ever appended, so that a transaction that stays open blocks no worker.
CREATE TABLE rocksync.replaced_stock (
    tenant_id bigint NOT NULL,
    sku       text NOT NULL
);
CREATE INDEX replaced_stock_sku ON rocksync.replaced_stock (tenant_id, sku);
COMMENT ON TABLE rocksync.replaced_stock IS
    'SKUs that orders hold units of and whose stock row went: a row that comes in its place shows them again, if it does not yet.';
COMMENT ON COLUMN rocksync.replaced_stock.sku IS 'Empty: all SKUs of the tenant, as the table was emptied.';
COMMENT ON COLUMN store.stock.reserved IS
    'Units of pending and approved orders: kept by the worker. A row that is deleted and written again need not name it; an update leaves it alone.';
CREATE INDEX reservation_held ON rocksync.reservation (tenant_id, sku) WHERE settled IN ('none', 'reserved');

CREATE FUNCTION rocksync.stock_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    INSERT INTO rocksync.replaced_stock (tenant_id, sku)
    SELECT b.tenant_id, b.sku FROM before b
     WHERE EXISTS (SELECT FROM rocksync.reservation r
                    WHERE r.tenant_id = b.tenant_id AND r.sku = b.sku AND r.settled IN ('none', 'reserved'));
    RETURN NULL;
END $$;

-- Which SKUs are held is found out later: a transaction with an older snapshot may not see it.
CREATE FUNCTION rocksync.stock_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rocksync.replaced_stock (tenant_id, sku) SELECT t.id, '' FROM rocksync.tenant t;
    RETURN NULL;
END $$;

-- Settle reservations into store.stock, as far as it is free: a row, or the table, that somebody has locked is left for
-- later. Where the platform shows its own stock in a view that cannot be written, the reservations stay as they are.
CREATE OR REPLACE FUNCTION rocksync.settle(only_tenant bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n integer;
    of_none integer;
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
    IF pg_relation_is_updatable('store.stock'::regclass, true) & 4 = 0 THEN
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
    WITH due AS MATERIALIZED (
        SELECT r.order_id, r.sku, r.quantity, r.settled, r.wanted
          FROM rocksync.reservation r JOIN store.stock s ON s.tenant_id = r.tenant_id AND s.sku = r.sku
         WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted
           AND NOT EXISTS (SELECT FROM rocksync.replaced_stock p WHERE p.tenant_id = only_tenant AND p.sku IN (r.sku, ''))
         ORDER BY r.sku
           FOR UPDATE OF r, s SKIP LOCKED),
    moved AS (
        SELECT due.sku,
               sum(CASE wanted WHEN 'reserved' THEN quantity ELSE 0 END - CASE settled WHEN 'reserved' THEN quantity ELSE 0 END) AS reserved,
               sum(CASE wanted WHEN 'taken' THEN -quantity ELSE 0 END - CASE settled WHEN 'taken' THEN -quantity ELSE 0 END) AS on_hand
          FROM due GROUP BY due.sku),
    shown AS (
        UPDATE store.stock s -- absurd quantities end at the bounds of an integer: one order must not stop all
           SET reserved = least(greatest(s.reserved + moved.reserved, 0), 2147483647),
               on_hand = least(greatest(s.on_hand + moved.on_hand, -2147483648), 2147483647), updated_at = now()
          FROM moved
         WHERE s.tenant_id = only_tenant AND s.sku = moved.sku)
    UPDATE rocksync.reservation r SET settled = r.wanted
      FROM due WHERE r.tenant_id = only_tenant AND r.order_id = due.order_id AND r.sku = due.sku;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n + of_none;
END $$;

-- An order table that is emptied gives back what its orders held, as deleted orders do.
CREATE FUNCTION rocksync.sales_order_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH let_go AS (
        UPDATE rocksync.reservation r SET wanted = 'released' WHERE r.wanted = 'reserved'
        RETURNING r.tenant_id, r.sku)
    INSERT INTO rocksync.change (tenant_id, kind, key) SELECT DISTINCT tenant_id, 'stock', sku FROM let_go;
    RETURN NULL;
END $$;

-- The platform may have put views in the place of these tables.
DO $$
BEGIN
    IF (SELECT c.relkind FROM pg_class c WHERE c.oid = 'store.stock'::regclass) IN ('r', 'p') THEN
        CREATE TRIGGER replaced_by_delete AFTER DELETE ON store.stock
            REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.stock_deleted();
        CREATE TRIGGER replaced_by_truncate BEFORE TRUNCATE ON store.stock
            FOR EACH STATEMENT EXECUTE FUNCTION rocksync.stock_truncated();
    END IF;
    IF (SELECT c.relkind FROM pg_class c WHERE c.oid = 'store.sales_order'::regclass) IN ('r', 'p') THEN
        CREATE TRIGGER changed_by_truncate BEFORE TRUNCATE ON store.sales_order
            FOR EACH STATEMENT EXECUTE FUNCTION rocksync.sales_order_truncated();
    END IF;
END $$;
