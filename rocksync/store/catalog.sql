-- name: products
-- $1 tenant_id bigint, $2 skus text[]
SELECT sku, name, description, short_description, brand, model, ean::text, categories, weight_kg::numeric, height_cm::numeric,
       width_cm::numeric, length_cm::numeric, attributes, photos, link, active, external_id
  FROM store.product
 WHERE tenant_id = $1
   AND sku = ANY ($2::text[]);

-- name: variations
-- Variations of products, in the order they are to be shown.
-- $1 tenant_id bigint, $2 product skus text[]
SELECT sku, product_sku, name, ean::text, attributes, photos, weight_kg::numeric, height_cm::numeric, width_cm::numeric,
       length_cm::numeric, active
  FROM store.variation
 WHERE tenant_id = $1
   AND product_sku = ANY ($2::text[])
 ORDER BY product_sku, sku;

-- name: owners
-- The product that a SKU is a variation of, or that it is itself.
-- $1 tenant_id bigint, $2 skus text[]
SELECT sku, product_sku
  FROM store.variation
 WHERE tenant_id = $1
   AND sku = ANY ($2::text[])
 UNION ALL
SELECT sku, sku
  FROM store.product
 WHERE tenant_id = $1
   AND sku = ANY ($2::text[]);

-- name: duplicates
-- Those of given SKUs that are a product and a variation at once.
-- $1 tenant_id bigint, $2 skus text[]
SELECT p.sku
  FROM store.product p
  JOIN store.variation v ON v.tenant_id = p.tenant_id AND v.sku = p.sku
 WHERE p.tenant_id = $1
   AND p.sku = ANY ($2::text[]);

-- name: prices
-- Prices of sellable SKUs. What is limited to one row cannot be planned but by its key, whatever share of the table a page is.
-- $1 tenant_id bigint, $2 skus text[]
SELECT c.sku, coalesce(v.product_sku, p.sku) AS product_sku, c.price::numeric, c.special_price::numeric
  FROM unnest($2::text[]) AS asked (sku)
  JOIN store.price c ON c.tenant_id = $1 AND c.sku = asked.sku
  LEFT JOIN LATERAL (SELECT sku, product_sku
                       FROM store.variation WHERE tenant_id = $1 AND sku = asked.sku LIMIT 1) v ON true
  LEFT JOIN store.product p ON p.tenant_id = $1 AND p.sku = asked.sku
 WHERE v.sku IS NOT NULL
    OR (p.sku IS NOT NULL
        AND (SELECT o.sku FROM store.variation o WHERE o.tenant_id = $1 AND o.product_sku = asked.sku LIMIT 1) IS NULL);

-- name: without_stock
-- Those of given SKUs that are on sale, but for the stock row that they do not have.
-- $1 tenant_id bigint, $2 skus text[]
SELECT asked.sku
  FROM unnest($2::text[]) AS asked (sku)
  LEFT JOIN LATERAL (SELECT sku, product_sku, active
                       FROM store.variation WHERE tenant_id = $1 AND sku = asked.sku LIMIT 1) v ON true
  JOIN store.product p ON p.tenant_id = $1 AND p.sku = coalesce(v.product_sku, asked.sku)
 WHERE p.active
   AND coalesce(v.active, true)
   AND (v.sku IS NOT NULL
        OR (SELECT o.sku FROM store.variation o WHERE o.tenant_id = $1 AND o.product_sku = asked.sku LIMIT 1) IS NULL)
   AND (SELECT s.sku FROM store.stock s WHERE s.tenant_id = $1 AND s.sku = asked.sku) IS NULL;

-- name: stocks
-- Stocks of SKUs, sellable or not, one row for each; held are units that settling a reservation will take from sale, also
-- those that a row showed in whose place another one has come.
-- $1 tenant_id bigint, $2 skus text[], $3 boolean: a product that is kept off the hub counts as inactive, and so does
-- one that is off sale there until it is on sale again: then its stocks are marked
SELECT asked.sku,
       coalesce(v.product_sku, asked.sku) AS product_sku,
       s.sku IS NOT NULL AS present,
       coalesce(s.on_hand, 0) AS on_hand,
       coalesce(s.reserved, 0) AS reserved,
       (SELECT coalesce(sum(r.quantity), 0)
          FROM rocksync.reservation r
         WHERE r.tenant_id = $1
           AND r.sku = asked.sku
           AND r.settled <> r.wanted
           AND r.settled IN ('none', 'released')
           AND r.wanted IN ('reserved', 'taken'))
       + CASE WHEN ARRAY[asked.sku, ''] && ARRAY(SELECT x.sku FROM rocksync.replaced_stock x WHERE x.tenant_id = $1)
              THEN (SELECT CASE WHEN sum(r.quantity) > s.reserved
                                THEN coalesce(sum(r.quantity) FILTER (WHERE r.wanted IN ('reserved', 'taken')), 0) ELSE 0 END
                      FROM rocksync.reservation r
                     WHERE r.tenant_id = $1
                       AND r.sku = asked.sku
                       AND r.settled = 'reserved')
              ELSE 0 END AS held,
       (s.sku IS NOT NULL
        AND coalesce(p.active, false)
        AND coalesce(v.active, true)
        AND (v.sku IS NOT NULL
             OR (SELECT o.sku FROM store.variation o WHERE o.tenant_id = $1 AND o.product_sku = asked.sku LIMIT 1) IS NULL)
        AND NOT ($3 AND coalesce((SELECT i.state <> 'synced'
                                         AND (i.accepted ->> 'available' = '0'
                                              OR (i.state = 'skipped' AND i.reason = 'not_selected'))
                                    FROM rocksync.item i
                                   WHERE i.tenant_id = $1
                                     AND i.kind = 'product'
                                     AND i.key = coalesce(v.product_sku, asked.sku)), false))) AS active
  FROM unnest($2::text[]) AS asked (sku)
  LEFT JOIN store.stock s ON s.tenant_id = $1 AND s.sku = asked.sku
  LEFT JOIN LATERAL (SELECT sku, product_sku, active
                       FROM store.variation WHERE tenant_id = $1 AND sku = asked.sku LIMIT 1) v ON true
  LEFT JOIN store.product p ON p.tenant_id = $1 AND p.sku = coalesce(v.product_sku, asked.sku);
