-- From a write of the platform to pending items: statement triggers with transition tables, set-wise, only for rows
-- whose meaning changed, whoever wrote them. They append and notify; they lock nothing a worker needs.
--
-- A session keeps the plans of these functions for statements of any size, though they were made for its first one. So no
-- join is left to choose: tables are looked up by their keys, and old and new rows are hashed (or merged, in a full join).
-- Else a session that had written single rows would compare every row of a large statement with every other.

-- Mark by hand: for platforms that put views over tables of their own.
CREATE FUNCTION rocksync.mark_changed(tenant_id bigint, kind text, keys text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    marked bigint;
BEGIN
    IF mark_changed.kind NOT IN ('product', 'price', 'stock', 'order') THEN
        RAISE EXCEPTION 'unknown kind "%"', mark_changed.kind USING HINT = 'product, price, stock or order';
    END IF;
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT mark_changed.tenant_id, mark_changed.kind, k FROM unnest(keys) AS k WHERE k <> '';
    GET DIAGNOSTICS marked = ROW_COUNT;
    RETURN marked;
END $$;
COMMENT ON FUNCTION rocksync.mark_changed IS 'Make items pending, as the triggers on store tables do. Returns how many keys were marked.';

CREATE FUNCTION rocksync.mark_all(tenant_id bigint, kinds text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT mark_all.tenant_id, 'product', sku FROM store.product p
     WHERE p.tenant_id = mark_all.tenant_id AND 'product' = ANY (kinds)
    UNION ALL
    SELECT mark_all.tenant_id, 'price', sku FROM store.price p
     WHERE p.tenant_id = mark_all.tenant_id AND 'price' = ANY (kinds)
    UNION ALL
    SELECT mark_all.tenant_id, 'stock', sku FROM store.stock s
     WHERE s.tenant_id = mark_all.tenant_id AND 'stock' = ANY (kinds)
    UNION ALL
    SELECT mark_all.tenant_id, i.kind, i.key FROM rocksync.item i
     WHERE i.tenant_id = mark_all.tenant_id AND i.kind = ANY (kinds)
       AND (i.kind <> 'order' OR i.state <> 'skipped')
$$;
COMMENT ON FUNCTION rocksync.mark_all IS 'Mark every row of a tenant''s store, and every item known of it, as changed.';

-- Wake workers for schedules that run as soon as something changes. Told at commit, once for each tenant and kind.
CREATE FUNCTION rocksync.tell_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM pg_notify('rocksync', 'change ' || s.tenant_id || ' ' || s.kind)
       FROM rocksync.schedule s
      WHERE s.mode = 'immediate'
        AND (s.tenant_id, s.kind) IN (SELECT DISTINCT i.tenant_id, i.kind FROM inserted i);
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON rocksync.change
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION rocksync.tell_changes();

-- Products. A product that comes, goes or is switched on or off changes the stock of its sellable SKUs as well, and one
-- that comes back may have got another price meanwhile.
CREATE FUNCTION rocksync.product_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT coalesce(n.tenant_id, o.tenant_id), 'product', coalesce(n.sku, o.sku)
          FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.sku = o.sku
         WHERE n.sku IS NULL OR o.sku IS NULL
            OR (n.name, n.description, n.short_description, n.brand, n.model, n.ean, n.categories, n.weight_kg, n.height_cm,
                n.width_cm, n.length_cm, n.attributes, n.photos, n.link, n.active, n.external_id)
               IS DISTINCT FROM
               (o.name, o.description, o.short_description, o.brand, o.model, o.ean, o.categories, o.weight_kg, o.height_cm,
                o.width_cm, o.length_cm, o.attributes, o.photos, o.link, o.active, o.external_id);
        INSERT INTO rocksync.change (tenant_id, kind, key)
        WITH switched AS (
            SELECT coalesce(n.tenant_id, o.tenant_id) AS tenant_id, coalesce(n.sku, o.sku) AS sku, o.sku IS NULL AS came
              FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.sku = o.sku
             WHERE n.active IS DISTINCT FROM o.active)
        SELECT s.tenant_id, 'stock', s.sku FROM switched a JOIN store.stock s USING (tenant_id, sku)
        UNION ALL
        SELECT v.tenant_id, 'stock', v.sku
          FROM switched a JOIN store.variation v ON v.tenant_id = a.tenant_id AND v.product_sku = a.sku
        UNION ALL
        SELECT c.tenant_id, 'price', c.sku FROM switched a JOIN store.price c USING (tenant_id, sku) WHERE a.came;
    ELSE -- the one transition table of an INSERT or a DELETE is called after here
        INSERT INTO rocksync.change (tenant_id, kind, key) SELECT tenant_id, 'product', sku FROM after;
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT s.tenant_id, 'stock', s.sku FROM after a JOIN store.stock s USING (tenant_id, sku)
        UNION ALL
        SELECT v.tenant_id, 'stock', v.sku
          FROM after a JOIN store.variation v ON v.tenant_id = a.tenant_id AND v.product_sku = a.sku
        UNION ALL
        SELECT c.tenant_id, 'price', c.sku FROM after a JOIN store.price c USING (tenant_id, sku) WHERE TG_OP = 'INSERT';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER changed_by_insert AFTER INSERT ON store.product
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.product_changed();
CREATE TRIGGER changed_by_update AFTER UPDATE ON store.product
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.product_changed();
CREATE TRIGGER changed_by_delete AFTER DELETE ON store.product
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.product_changed();

-- Variations. They are members of their product's document; where one comes, goes, moves or is switched, its own stock
-- and that of the product (sellable only while it has none) change too, and after a move its price goes another way.
CREATE FUNCTION rocksync.variation_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT DISTINCT c.tenant_id, marked.kind, marked.key
          FROM (SELECT coalesce(n.tenant_id, o.tenant_id) AS tenant_id, coalesce(n.sku, o.sku) AS sku,
                       n.product_sku AS new_product, o.product_sku AS old_product,
                       n.active IS DISTINCT FROM o.active OR n.product_sku IS DISTINCT FROM o.product_sku AS moved
                  FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.sku = o.sku
                 WHERE n.sku IS NULL OR o.sku IS NULL
                    OR (n.product_sku, n.name, n.ean, n.attributes, n.photos, n.weight_kg, n.height_cm, n.width_cm,
                        n.length_cm, n.active)
                       IS DISTINCT FROM
                       (o.product_sku, o.name, o.ean, o.attributes, o.photos, o.weight_kg, o.height_cm, o.width_cm,
                        o.length_cm, o.active)) c
         CROSS JOIN LATERAL (
                SELECT 'product' AS kind, c.new_product AS key
                UNION ALL SELECT 'product', c.old_product
                UNION ALL SELECT 'stock', c.sku WHERE c.moved
                UNION ALL SELECT 'stock', s.sku FROM store.stock s
                           WHERE c.moved AND s.tenant_id = c.tenant_id AND s.sku IN (c.new_product, c.old_product)
                UNION ALL SELECT 'price', p.sku FROM store.price p
                           WHERE c.moved AND p.tenant_id = c.tenant_id AND p.sku IN (c.sku, c.new_product, c.old_product)) marked
         WHERE marked.key IS NOT NULL;
    ELSE
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT tenant_id, 'stock', sku FROM after
        UNION ALL
        SELECT DISTINCT tenant_id, 'product', product_sku FROM after
        UNION ALL
        SELECT s.tenant_id, 'stock', s.sku
          FROM (SELECT DISTINCT tenant_id, product_sku AS sku FROM after) a JOIN store.stock s USING (tenant_id, sku)
        UNION ALL
        SELECT p.tenant_id, 'price', p.sku
          FROM (SELECT tenant_id, sku FROM after UNION SELECT tenant_id, product_sku FROM after) a
          JOIN store.price p USING (tenant_id, sku);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER changed_by_insert AFTER INSERT ON store.variation
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.variation_changed();
CREATE TRIGGER changed_by_update AFTER UPDATE ON store.variation
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.variation_changed();
CREATE TRIGGER changed_by_delete AFTER DELETE ON store.variation
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.variation_changed();

-- Prices and stocks. A first one may complete a product that waited for it (missing_price, missing_stock).
-- They are written by the hundred thousand. Old and new rows are paired by their place, which Postgres keeps the same:
-- half the cost of a join by key. Were it ever not the same, both keys of a pair count as changed, and none is missed.
CREATE FUNCTION rocksync.price_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key) SELECT tenant_id, 'price', sku FROM after;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT v.tenant_id, 'product', v.product_sku FROM after a JOIN store.variation v USING (tenant_id, sku)
        UNION
        SELECT p.tenant_id, 'product', p.sku FROM after a JOIN store.product p USING (tenant_id, sku);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION rocksync.price_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '32MB'
    SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key)
    WITH pair AS MATERIALIZED (
        SELECT n.tenant_id, n.sku, o.tenant_id AS old_tenant_id, o.sku AS old_sku
          FROM (SELECT row_number() OVER () AS place, tenant_id, sku, price, special_price FROM after) n
          JOIN (SELECT row_number() OVER () AS place, tenant_id, sku, price, special_price FROM before) o USING (place)
         WHERE (n.tenant_id, n.sku, n.price, n.special_price)
               IS DISTINCT FROM (o.tenant_id, o.sku, o.price, o.special_price))
    SELECT tenant_id, 'price', sku FROM pair
    UNION ALL
    SELECT old_tenant_id, 'price', old_sku FROM pair WHERE (old_tenant_id, old_sku) <> (tenant_id, sku);
    RETURN NULL;
END $$;
CREATE TRIGGER changed_by_insert AFTER INSERT ON store.price
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.price_changed();
CREATE TRIGGER changed_by_update AFTER UPDATE ON store.price
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.price_updated();
CREATE TRIGGER changed_by_delete AFTER DELETE ON store.price
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.price_changed();

CREATE FUNCTION rocksync.stock_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key) SELECT tenant_id, 'stock', sku FROM after;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT v.tenant_id, 'product', v.product_sku FROM after a JOIN store.variation v USING (tenant_id, sku)
        UNION
        SELECT p.tenant_id, 'product', p.sku FROM after a JOIN store.product p USING (tenant_id, sku);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION rocksync.stock_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '32MB'
    SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key)
    WITH pair AS MATERIALIZED (
        SELECT n.tenant_id, n.sku, o.tenant_id AS old_tenant_id, o.sku AS old_sku
          FROM (SELECT row_number() OVER () AS place, tenant_id, sku, on_hand, reserved FROM after) n
          JOIN (SELECT row_number() OVER () AS place, tenant_id, sku, on_hand, reserved FROM before) o USING (place)
         WHERE (n.tenant_id, n.sku, n.on_hand, n.reserved)
               IS DISTINCT FROM (o.tenant_id, o.sku, o.on_hand, o.reserved))
    SELECT tenant_id, 'stock', sku FROM pair
    UNION ALL
    SELECT old_tenant_id, 'stock', old_sku FROM pair WHERE (old_tenant_id, old_sku) <> (tenant_id, sku);
    RETURN NULL;
END $$;
CREATE TRIGGER changed_by_insert AFTER INSERT ON store.stock
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.stock_changed();
CREATE TRIGGER changed_by_update AFTER UPDATE ON store.stock
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.stock_updated();
CREATE TRIGGER changed_by_delete AFTER DELETE ON store.stock
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.stock_changed();

-- Invoices and shipments move the store's order forward and make it pending. An order that has left the pending states
-- takes its stock off hand; a worker settles that.
CREATE FUNCTION rocksync.fulfilment_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT DISTINCT s.tenant_id, 'order', s.pluggto_id
          FROM (SELECT coalesce(n.tenant_id, o.tenant_id) AS tenant_id, coalesce(n.order_id, o.order_id) AS order_id
                  FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.order_id = o.order_id
                 WHERE to_jsonb(n) IS DISTINCT FROM to_jsonb(o)) c
          JOIN store.sales_order s ON s.tenant_id = c.tenant_id AND s.id = c.order_id
         WHERE s.pluggto_id IS NOT NULL;
    ELSE
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT DISTINCT s.tenant_id, 'order', s.pluggto_id
          FROM after a JOIN store.sales_order s ON s.tenant_id = a.tenant_id AND s.id = a.order_id
         WHERE s.pluggto_id IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION rocksync.invoice_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE store.sales_order s SET status = 'invoiced', updated_at = now()
      FROM after a
     WHERE s.tenant_id = a.tenant_id AND s.id = a.order_id AND s.status IN ('pending', 'approved');
    RETURN NULL;
END $$;

CREATE FUNCTION rocksync.shipment_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE store.sales_order s
       SET status = CASE WHEN a.delivered_at IS NULL THEN 'shipped' ELSE 'delivered' END, updated_at = now()
      FROM after a
     WHERE s.tenant_id = a.tenant_id AND s.id = a.order_id
       AND (s.status IN ('pending', 'approved', 'invoiced') OR (s.status = 'shipped' AND a.delivered_at IS NOT NULL));
    RETURN NULL;
END $$;

CREATE TRIGGER changed_by_insert AFTER INSERT ON store.invoice
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.fulfilment_changed();
CREATE TRIGGER changed_by_update AFTER UPDATE ON store.invoice
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.fulfilment_changed();
CREATE TRIGGER changed_by_delete AFTER DELETE ON store.invoice
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.fulfilment_changed();
CREATE TRIGGER status_by_insert AFTER INSERT ON store.invoice
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.invoice_written();
CREATE TRIGGER changed_by_insert AFTER INSERT ON store.shipment
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.fulfilment_changed();
CREATE TRIGGER changed_by_update AFTER UPDATE ON store.shipment
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.fulfilment_changed();
CREATE TRIGGER changed_by_delete AFTER DELETE ON store.shipment
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.fulfilment_changed();
CREATE TRIGGER status_by_insert AFTER INSERT ON store.shipment
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.shipment_written();
CREATE TRIGGER status_by_update AFTER UPDATE ON store.shipment
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.shipment_written();

-- The platform may set an order's status itself, or delete it: what the order holds follows. Workers know what they write.
CREATE FUNCTION rocksync.sales_order_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT n.tenant_id, 'order', n.pluggto_id
      FROM after n JOIN before o ON n.tenant_id = o.tenant_id AND n.id = o.id
     WHERE n.status <> o.status AND n.pluggto_id IS NOT NULL
       AND coalesce(current_setting('rocksync.writer', true), '') <> 'worker';
    RETURN NULL;
END $$;
CREATE TRIGGER changed_by_update AFTER UPDATE ON store.sales_order
    REFERENCING NEW TABLE AS after OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION rocksync.sales_order_updated();

CREATE FUNCTION rocksync.sales_order_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    WITH let_go AS (
        UPDATE rocksync.reservation r SET wanted = 'released'
          FROM after a
         WHERE r.tenant_id = a.tenant_id AND r.order_id = a.id AND r.wanted = 'reserved'
        RETURNING r.tenant_id, r.sku)
    INSERT INTO rocksync.change (tenant_id, kind, key) SELECT DISTINCT tenant_id, 'stock', sku FROM let_go;
    RETURN NULL;
END $$;
CREATE TRIGGER changed_by_delete AFTER DELETE ON store.sales_order
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.sales_order_deleted();

-- TRUNCATE has no transition tables: what is about to go is marked before.
CREATE FUNCTION rocksync.catalog_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'product' THEN
            INSERT INTO rocksync.change (tenant_id, kind, key)
            SELECT tenant_id, kind, sku FROM store.product, unnest(ARRAY['product', 'stock']) kind
            UNION ALL
            SELECT v.tenant_id, 'stock', v.sku FROM store.variation v;
        WHEN 'variation' THEN
            INSERT INTO rocksync.change (tenant_id, kind, key)
            SELECT tenant_id, 'stock', sku FROM store.variation
            UNION ALL
            SELECT DISTINCT tenant_id, kind, product_sku FROM store.variation, unnest(ARRAY['product', 'stock', 'price']) kind;
        WHEN 'price' THEN
            INSERT INTO rocksync.change (tenant_id, kind, key) SELECT tenant_id, 'price', sku FROM store.price;
        WHEN 'stock' THEN
            INSERT INTO rocksync.change (tenant_id, kind, key) SELECT tenant_id, 'stock', sku FROM store.stock;
    END CASE;
    RETURN NULL;
END $$;
CREATE TRIGGER changed_by_truncate BEFORE TRUNCATE ON store.product
    FOR EACH STATEMENT EXECUTE FUNCTION rocksync.catalog_truncated();
CREATE TRIGGER changed_by_truncate BEFORE TRUNCATE ON store.variation
    FOR EACH STATEMENT EXECUTE FUNCTION rocksync.catalog_truncated();
CREATE TRIGGER changed_by_truncate BEFORE TRUNCATE ON store.price
    FOR EACH STATEMENT EXECUTE FUNCTION rocksync.catalog_truncated();
CREATE TRIGGER changed_by_truncate BEFORE TRUNCATE ON store.stock
    FOR EACH STATEMENT EXECUTE FUNCTION rocksync.catalog_truncated();
