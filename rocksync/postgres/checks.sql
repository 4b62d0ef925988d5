-- What is to be said of a tenant's store before anything is sent: one row for each kind of finding, with how many SKUs it
-- concerns and up to three of them. Every query reads each table once. A platform's views may have other types: what is
-- asked of columns that only some types answer is asked of a cast.

-- name: products
-- What is odd about products themselves. Content counts only where the product is for sale.
-- $1 tenant_id bigint
SELECT f.code, count(*) AS items, (array_agg(f.sku ORDER BY f.sku))[1:3] AS examples
  FROM (SELECT c.code, p.sku
          FROM store.product p
         CROSS JOIN LATERAL (VALUES
               ('sku_blank', p.sku !~ '\S'),
               ('sku_padded', p.sku ~ '\S' AND p.sku ~ '^\s|\s$'),
               ('sku_unsafe', p.sku IN ('.', '..') OR p.sku ~ '[[:cntrl:]]'),
               ('sku_awkward', p.sku ~ '\S.*[\s/\\].*\S' OR p.sku ~ '^[/\\]|[/\\]$'),
               ('name_missing', p.active AND coalesce(p.name, '') !~ '\S'),
               ('description_missing', p.active AND coalesce(p.description, '') !~ '\S'),
               ('brand_missing', p.active AND coalesce(p.brand, '') !~ '\S'),
               ('category_missing', p.active AND cardinality(p.categories) = 0),
               ('category_malformed', EXISTS (SELECT FROM unnest(p.categories) AS path
                                               WHERE path IS NULL OR path !~ '^\s*[^\s>][^>]*( > \s*[^\s>][^>]*)*$'
                                                  OR path ~ '\S>|>\S')),
               ('photo_malformed', EXISTS (SELECT FROM unnest(p.photos) AS url
                                            WHERE url IS NULL OR url !~* '^\s*https?://[^\s/]+\S*\s*$')),
               ('photo_twice', cardinality(p.photos) > 1
                               AND cardinality(p.photos) > (SELECT count(DISTINCT btrim(url)) FROM unnest(p.photos) AS url))
               ) AS c (code, holds)
         WHERE p.tenant_id = $1
           AND c.holds) f
 GROUP BY f.code;

-- name: variations
-- What is odd about variations themselves, and where their product is not there.
-- $1 tenant_id bigint
SELECT f.code, count(*) AS items, (array_agg(f.sku ORDER BY f.sku))[1:3] AS examples
  FROM (SELECT c.code, v.sku
          FROM store.variation v
          LEFT JOIN store.product p ON p.tenant_id = v.tenant_id AND p.sku = v.product_sku
          LEFT JOIN store.product same ON same.tenant_id = v.tenant_id AND same.sku = v.sku
         CROSS JOIN LATERAL (VALUES
               ('sku_duplicate', same.sku IS NOT NULL),
               ('sku_blank', v.sku !~ '\S'),
               ('sku_padded', v.sku ~ '\S' AND v.sku ~ '^\s|\s$'),
               ('sku_unsafe', v.sku IN ('.', '..') OR v.sku ~ '[[:cntrl:]]'),
               ('sku_awkward', v.sku ~ '\S.*[\s/\\].*\S' OR v.sku ~ '^[/\\]|[/\\]$'),
               ('variation_orphan', p.sku IS NULL),
               ('variation_of_inactive', v.active AND NOT p.active),
               ('variation_nameless', v.active AND p.active AND v.attributes::jsonb = '{}'),
               ('photo_malformed', EXISTS (SELECT FROM unnest(v.photos) AS url
                                            WHERE url IS NULL OR url !~* '^\s*https?://[^\s/]+\S*\s*$')),
               ('photo_twice', cardinality(v.photos) > 1
                               AND cardinality(v.photos) > (SELECT count(DISTINCT btrim(url)) FROM unnest(v.photos) AS url))
               ) AS c (code, holds)
         WHERE v.tenant_id = $1
           AND c.holds) f
 GROUP BY f.code;

-- name: families
-- What is odd about products and their variations together.
-- $1 tenant_id bigint
WITH family AS (
    SELECT v.product_sku AS sku, bool_or(v.active) AS some_active, bool_or(cardinality(v.photos) > 0) AS has_photos,
           count(*) AS variations, count(DISTINCT v.attributes::jsonb) AS attributes
      FROM store.variation v
     WHERE v.tenant_id = $1
     GROUP BY v.product_sku)
SELECT f.code, count(*) AS items, (array_agg(f.sku ORDER BY f.sku))[1:3] AS examples
  FROM (SELECT c.code, p.sku
          FROM store.product p
          LEFT JOIN family ON family.sku = p.sku
         CROSS JOIN LATERAL (VALUES
               ('photo_missing', p.active AND cardinality(p.photos) = 0 AND NOT coalesce(family.has_photos, false)),
               ('variations_all_inactive', p.active AND NOT coalesce(family.some_active, true)),
               ('variations_alike', p.active AND family.attributes < family.variations)
               ) AS c (code, holds)
         WHERE p.tenant_id = $1
           AND c.holds) f
 GROUP BY f.code;

-- name: offers
-- Prices, stocks, measures and EANs of the SKUs that are sold: simple products, and variations of those that are not.
-- $1 tenant_id bigint
WITH parent AS (
    SELECT DISTINCT v.product_sku AS sku FROM store.variation v WHERE v.tenant_id = $1),
sellable AS (
    SELECT p.sku, p.ean::text, p.weight_kg, p.height_cm, p.width_cm, p.length_cm
      FROM store.product p
      LEFT JOIN parent ON parent.sku = p.sku
     WHERE p.tenant_id = $1
       AND p.active
       AND parent.sku IS NULL
    UNION ALL
    SELECT v.sku, v.ean::text, coalesce(v.weight_kg, p.weight_kg), coalesce(v.height_cm, p.height_cm),
           coalesce(v.width_cm, p.width_cm), coalesce(v.length_cm, p.length_cm)
      FROM store.variation v
      JOIN store.product p ON p.tenant_id = v.tenant_id AND p.sku = v.product_sku
     WHERE v.tenant_id = $1
       AND v.active
       AND p.active),
gtin AS (
    SELECT s.sku, e.digits ~ '^(\d{8}|\d{12,14})$' AND e.digits !~ '^0+$' AS is_one, lpad(e.digits, 14, '0') AS d, e.digits
      FROM sellable s
     CROSS JOIN LATERAL (SELECT btrim(s.ean) AS digits) e
     WHERE e.digits <> ''),
wrong_ean AS (
    SELECT g.sku
      FROM gtin g
     WHERE CASE WHEN g.is_one
                THEN substr(g.d, 14, 1)::int <> (10 - (
                       3 * (substr(g.d, 1, 1)::int + substr(g.d, 3, 1)::int + substr(g.d, 5, 1)::int + substr(g.d, 7, 1)::int
                            + substr(g.d, 9, 1)::int + substr(g.d, 11, 1)::int + substr(g.d, 13, 1)::int)
                       + substr(g.d, 2, 1)::int + substr(g.d, 4, 1)::int + substr(g.d, 6, 1)::int + substr(g.d, 8, 1)::int
                       + substr(g.d, 10, 1)::int + substr(g.d, 12, 1)::int) % 10) % 10
                ELSE true END),
shared_ean AS (
    SELECT unnest(array_agg(g.sku)) AS sku FROM gtin g GROUP BY g.digits HAVING count(*) > 1)
SELECT f.code, count(*) AS items, (array_agg(f.sku ORDER BY f.sku))[1:3] AS examples
  FROM (SELECT c.code, s.sku
          FROM sellable s
          LEFT JOIN store.price r ON r.tenant_id = $1 AND r.sku = s.sku
          LEFT JOIN store.stock k ON k.tenant_id = $1 AND k.sku = s.sku
         CROSS JOIN LATERAL (VALUES
               ('price_missing', r.sku IS NULL),
               ('price_zero', round(r.price::numeric, 2) = 0), -- as sent, with two decimals
               ('special_above_price', round(r.price::numeric, 2) > 0
                                       AND round(r.special_price::numeric, 2) > round(r.price::numeric, 2)),
               ('special_zero', round(r.special_price::numeric, 2) = 0),
               ('stock_missing', k.sku IS NULL),
               ('stock_negative', k.on_hand < 0),
               ('stock_overreserved', k.on_hand >= 0 AND k.reserved > k.on_hand),
               ('weight_missing', coalesce(s.weight_kg, 0) = 0),
               ('dimensions_missing', coalesce(s.height_cm, 0) = 0 OR coalesce(s.width_cm, 0) = 0
                                      OR coalesce(s.length_cm, 0) = 0),
               ('ean_missing', coalesce(s.ean, '') !~ '\S')
               ) AS c (code, holds)
         WHERE c.holds
        UNION ALL
        SELECT 'ean_wrong', w.sku FROM wrong_ean w
        UNION ALL
        SELECT 'ean_shared', h.sku FROM shared_ean h) f
 GROUP BY f.code;

-- name: strays
-- Prices and stocks that belong to nothing that is sold, and SKUs that differ only in case.
-- $1 tenant_id bigint
WITH parent AS (
    SELECT DISTINCT v.product_sku AS sku FROM store.variation v WHERE v.tenant_id = $1),
known AS (
    SELECT p.sku FROM store.product p WHERE p.tenant_id = $1
    UNION ALL
    SELECT v.sku FROM store.variation v WHERE v.tenant_id = $1),
offer AS (
    SELECT 'price' AS kind, r.sku FROM store.price r WHERE r.tenant_id = $1
    UNION ALL
    SELECT 'stock', k.sku FROM store.stock k WHERE k.tenant_id = $1)
SELECT f.code, count(*) AS items, (array_agg(f.sku ORDER BY f.sku))[1:3] AS examples
  FROM (SELECT CASE offer.kind WHEN 'price' THEN 'price_orphan' ELSE 'stock_orphan' END AS code, offer.sku
          FROM offer
         WHERE NOT EXISTS (SELECT FROM known WHERE known.sku = offer.sku)
        UNION ALL
        SELECT DISTINCT 'offer_of_parent', offer.sku
          FROM offer
          JOIN parent ON parent.sku = offer.sku
         WHERE NOT EXISTS (SELECT FROM store.variation v WHERE v.tenant_id = $1 AND v.sku = offer.sku)
        UNION ALL
        SELECT 'sku_case', unnest(array_agg(DISTINCT known.sku))
          FROM known
         GROUP BY lower(known.sku)
        HAVING count(DISTINCT known.sku) > 1) f
 GROUP BY f.code;

-- name: tenant
-- What surrounds the store.
-- $1 tenant_id bigint
SELECT (SELECT count(*) FROM store.product p WHERE p.tenant_id = $1 AND p.active) AS products,
       (SELECT count(*) FROM rocksync.worker w WHERE w.seen_at > now() - interval '30 seconds') AS workers,
       EXISTS (SELECT FROM rocksync.credential c WHERE c.tenant_id = $1) AS has_sealed,
       EXISTS (SELECT FROM rocksync.credential_inbox i WHERE i.tenant_id = $1) AS has_unsealed,
       (SELECT coalesce(array_agg(s.kind ORDER BY s.kind), '{}') FROM rocksync.schedule s
         WHERE s.tenant_id = $1 AND s.mode = 'manual') AS manual,
       (SELECT coalesce(array_agg(s.kind ORDER BY s.kind), '{}') FROM rocksync.schedule s
         WHERE s.tenant_id = $1 AND s.paused_until > now()) AS paused,
       EXISTS (SELECT FROM rocksync.schedule s WHERE s.tenant_id = $1 AND s.mapper_version <> '') AS was_mapped;

-- name: deaf
-- Tables of the store of which rocksync's triggers, which note what changes, are switched off, for all tenants.
SELECT DISTINCT c.oid::regclass::text AS name
  FROM pg_trigger t
  JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace = 'store'::regnamespace
  JOIN pg_proc f ON f.oid = t.tgfoid AND f.pronamespace = 'rocksync'::regnamespace
 WHERE t.tgenabled IN ('D', 'R')
 ORDER BY name;

-- name: unwritable
-- Columns of the store's stock, where that is a view, that would show what orders hold and cannot be updated.
SELECT unnest(rocksync.unwritable_stock()) AS name;

-- name: samples
-- SKUs of products to try mappers on: some with variations and some from the whole range.
-- $1 tenant_id bigint, $2 how many of each int
(SELECT p.sku FROM store.product p WHERE p.tenant_id = $1 ORDER BY p.sku LIMIT $2)
UNION
(SELECT p.sku FROM store.product p WHERE p.tenant_id = $1 ORDER BY p.sku DESC LIMIT $2)
UNION
(SELECT v.product_sku FROM store.variation v WHERE v.tenant_id = $1 ORDER BY v.product_sku LIMIT $2);

-- name: collisions
-- Orders of the hub that the store has already from elsewhere: by channel order, under another id or none.
-- $1 tenant_id bigint, $2 hub ids text[], $3 channel orders text[]
SELECT DISTINCT h.channel_order
  FROM unnest($2::text[], $3::text[]) AS h (id, channel_order)
  JOIN store.sales_order s ON s.tenant_id = $1 AND s.channel_order = h.channel_order
 WHERE s.pluggto_id IS DISTINCT FROM h.id
   AND NOT EXISTS (SELECT FROM store.sales_order o WHERE o.tenant_id = $1 AND o.pluggto_id = h.id)
 ORDER BY h.channel_order;
