-- What an export would do, counted in the store before anything is sent.

-- name: products
-- Products of a tenant by what would become of them: create, update, or a reason code.
-- $1 tenant_id bigint, $2 SKUs that the hub has text[]
WITH sellable AS (
    SELECT v.product_sku, v.sku FROM store.variation v WHERE v.tenant_id = $1
    UNION ALL
    SELECT p.sku, p.sku FROM store.product p
     WHERE p.tenant_id = $1
       AND NOT EXISTS (SELECT FROM store.variation v WHERE v.tenant_id = $1 AND v.product_sku = p.sku)),
offer AS (
    SELECT s.product_sku,
           bool_or(r.price IS NOT NULL AND k.on_hand IS NOT NULL) AS has_both,
           bool_or(r.price IS NOT NULL) AS has_price,
           bool_and(round(r.price::numeric, 2) <= 0 OR round(r.special_price::numeric, 2) > round(r.price::numeric, 2))
               FILTER (WHERE r.price IS NOT NULL) AS has_bad_prices,
           bool_or(s.sku <> s.product_sku AND EXISTS (SELECT FROM store.product o WHERE o.tenant_id = $1 AND o.sku = s.sku))
               AS is_duplicate,
           bool_or(s.sku <> btrim(s.sku) OR s.sku ~ '[[:cntrl:]]' OR s.sku IN ('.', '..')) AS has_bad_sku
      FROM sellable s
      LEFT JOIN store.price r ON r.tenant_id = $1 AND r.sku = s.sku
      LEFT JOIN store.stock k ON k.tenant_id = $1 AND k.sku = s.sku
     GROUP BY s.product_sku)
SELECT fate, count(*) AS products
  FROM (SELECT CASE WHEN o.is_duplicate
                      OR EXISTS (SELECT FROM store.variation v WHERE v.tenant_id = $1 AND v.sku = p.sku) THEN 'sku_conflict'
                    WHEN btrim(coalesce(p.name, '')) = '' OR o.has_bad_sku OR p.sku <> btrim(p.sku)
                      OR p.sku ~ '[[:cntrl:]]' OR p.sku IN ('.', '..') THEN 'invalid_item'
                    WHEN i.accepted IS NOT NULL THEN 'update'
                    WHEN NOT p.active THEN 'inactive'
                    WHEN NOT coalesce(o.has_price, false) THEN 'missing_price'
                    WHEN NOT o.has_both THEN 'missing_stock'
                    WHEN o.has_bad_prices THEN 'invalid_item'
                    WHEN hub.sku IS NOT NULL THEN 'update'
                    ELSE 'create' END AS fate
          FROM store.product p
          LEFT JOIN offer o ON o.product_sku = p.sku
          LEFT JOIN (SELECT DISTINCT h.sku FROM unnest($2::text[]) AS h (sku)) hub ON hub.sku = p.sku
          LEFT JOIN rocksync.item i ON i.tenant_id = $1 AND i.kind = 'product' AND i.key = p.sku
         WHERE p.tenant_id = $1) fates
 GROUP BY fate;

-- name: waiting
-- Items of the catalogue that are still to be delivered, those set aside, and how far the products are: prices and stocks
-- follow them.
-- $1 tenant_id bigint
SELECT (SELECT count(*)
          FROM (SELECT i.kind, i.key FROM rocksync.item i WHERE i.tenant_id = $1 AND i.state = 'pending' AND i.kind <> 'order'
                UNION
                SELECT c.kind, c.key FROM rocksync.change c WHERE c.tenant_id = $1 AND c.kind <> 'order') waiting) AS pending,
       (SELECT count(*) FROM rocksync.item i WHERE i.tenant_id = $1 AND i.state = 'quarantined' AND i.kind <> 'order') AS quarantined,
       products.known + changed.fresh AS products,
       products.pending + changed.settled + changed.fresh AS products_left
  FROM (SELECT count(*) AS known, count(*) FILTER (WHERE i.state = 'pending') AS pending
          FROM rocksync.item i
         WHERE i.tenant_id = $1 AND i.kind = 'product') products,
       (SELECT count(DISTINCT c.key) FILTER (WHERE i.key IS NULL) AS fresh,
               count(DISTINCT c.key) FILTER (WHERE i.state <> 'pending') AS settled
          FROM rocksync.change c
          LEFT JOIN rocksync.item i ON i.tenant_id = $1 AND i.kind = 'product' AND i.key = c.key
         WHERE c.tenant_id = $1 AND c.kind = 'product') changed;
