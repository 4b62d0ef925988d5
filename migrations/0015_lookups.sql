-- What triggers look up is looked up by its whole key, whatever little a planner knew when a session began: it keeps its plans.

-- The variations of a product are found by an index that begins with the product's SKU. One that begins with the tenant, as the
-- primary key does, costs a planner without statistics as little as that key where a variation's SKU is looked for, and
-- reads all variations of the tenant for each: a session that had written a few rows took 15 s to insert 10,000 prices.
CREATE INDEX variation_of_product ON store.variation (product_sku, tenant_id);
DROP INDEX store.variation_product;

-- The same for lists of SKUs, of which Postgres before 17 may use the tenant alone: a lookup for each.
CREATE OR REPLACE FUNCTION rocksync.variation_changed() RETURNS trigger
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
                           WHERE c.moved AND s.tenant_id = c.tenant_id AND s.sku = c.new_product
                UNION ALL SELECT 'stock', s.sku FROM store.stock s
                           WHERE c.moved AND s.tenant_id = c.tenant_id AND s.sku = c.old_product
                UNION ALL SELECT 'price', p.sku FROM store.price p
                           WHERE c.moved AND p.tenant_id = c.tenant_id AND p.sku = c.sku
                UNION ALL SELECT 'price', p.sku FROM store.price p
                           WHERE c.moved AND p.tenant_id = c.tenant_id AND p.sku = c.new_product
                UNION ALL SELECT 'price', p.sku FROM store.price p
                           WHERE c.moved AND p.tenant_id = c.tenant_id AND p.sku = c.old_product) marked
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

-- Ways to join that are switched off count as dear, and what is dear is compiled: half a second for each UPDATE of a product.
DO $$
DECLARE
    planned regprocedure;
BEGIN
    FOR planned IN
        SELECT p.oid FROM pg_proc p
         WHERE p.pronamespace = 'rocksync'::regnamespace
           AND EXISTS (SELECT FROM unnest(p.proconfig) c WHERE starts_with(c, 'enable_'))
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET jit = off', planned);
    END LOOP;
END $$;
