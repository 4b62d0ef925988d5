-- A statement that changes a product or a variation itself does not touch what is sold of it: a reload that has truncated
-- store.stock and comes to store.product would wait for that statement, and the statement for the reload.

CREATE OR REPLACE FUNCTION rocksync.product_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
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
        IF FOUND AND EXISTS (
            SELECT FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.sku = o.sku
             WHERE n.active IS DISTINCT FROM o.active)
        THEN -- a query that does not run locks no table
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
        END IF;
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

CREATE OR REPLACE FUNCTION rocksync.variation_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT DISTINCT c.tenant_id, 'product', marked.key
          FROM (SELECT coalesce(n.tenant_id, o.tenant_id) AS tenant_id,
                       n.product_sku AS new_product, o.product_sku AS old_product
                  FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.sku = o.sku
                 WHERE n.sku IS NULL OR o.sku IS NULL
                    OR (n.product_sku, n.name, n.ean, n.attributes, n.photos, n.weight_kg, n.height_cm, n.width_cm,
                        n.length_cm, n.active)
                       IS DISTINCT FROM
                       (o.product_sku, o.name, o.ean, o.attributes, o.photos, o.weight_kg, o.height_cm, o.width_cm,
                        o.length_cm, o.active)) c
         CROSS JOIN LATERAL (SELECT c.new_product AS key UNION ALL SELECT c.old_product) marked
         WHERE marked.key IS NOT NULL;
        IF FOUND AND EXISTS (
            SELECT FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.sku = o.sku
             WHERE n.active IS DISTINCT FROM o.active OR n.product_sku IS DISTINCT FROM o.product_sku)
        THEN
            INSERT INTO rocksync.change (tenant_id, kind, key)
            SELECT DISTINCT c.tenant_id, marked.kind, marked.key
              FROM (SELECT coalesce(n.tenant_id, o.tenant_id) AS tenant_id, coalesce(n.sku, o.sku) AS sku,
                           n.product_sku AS new_product, o.product_sku AS old_product
                      FROM after n FULL JOIN before o ON n.tenant_id = o.tenant_id AND n.sku = o.sku
                     WHERE n.active IS DISTINCT FROM o.active OR n.product_sku IS DISTINCT FROM o.product_sku) c
             CROSS JOIN LATERAL (
                    SELECT 'stock' AS kind, c.sku AS key
                    UNION ALL SELECT 'stock', s.sku FROM store.stock s
                               WHERE s.tenant_id = c.tenant_id AND s.sku = c.new_product
                    UNION ALL SELECT 'stock', s.sku FROM store.stock s
                               WHERE s.tenant_id = c.tenant_id AND s.sku = c.old_product
                    UNION ALL SELECT 'price', p.sku FROM store.price p
                               WHERE p.tenant_id = c.tenant_id AND p.sku = c.sku
                    UNION ALL SELECT 'price', p.sku FROM store.price p
                               WHERE p.tenant_id = c.tenant_id AND p.sku = c.new_product
                    UNION ALL SELECT 'price', p.sku FROM store.price p
                               WHERE p.tenant_id = c.tenant_id AND p.sku = c.old_product) marked;
        END IF;
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

-- A CNPJ may have letters.
COMMENT ON COLUMN store.invoice.key IS
    'Access key, 44 digits, the last one a check digit; the issuer''s CNPJ in it, from 7 to 20, may have capital letters.';
COMMENT ON COLUMN store.sales_order.customer IS
    'name, document (digits; of a CNPJ with letters these too, capital), email, phone, where known.';
