-- name: hold
-- Whether the lease is held; it cannot be taken over before the transaction ends.
-- $1 tenant_id bigint, $2 kind text, $3 token bigint
SELECT rocksync.hold_lease($1, $2, $3);

-- name: known
-- What was last seen of orders, and whether the store has them.
-- $1 tenant_id bigint, $2 ids text[]
SELECT asked.id, h.digest, h.modified_at, h.importable_as, h.imported_at IS NOT NULL AS was_imported,
       s.id IS NOT NULL AS in_store
  FROM unnest($2::text[]) AS asked (id)
  LEFT JOIN rocksync.hub_order h ON h.tenant_id = $1 AND h.id = asked.id
  LEFT JOIN store.sales_order s ON s.tenant_id = $1 AND s.pluggto_id = asked.id
 WHERE h.id IS NOT NULL
    OR s.id IS NOT NULL;

-- name: note
-- As what an order could have been imported is remembered: of approved and pending the lesser text, which is the further.
-- $1 tenant_id bigint, $2 ids text[], $3 statuses text[], $4 modified_at timestamptz[], $5 digests bytea[],
-- $6 documents text[] (null: of no interest), $7 importable as text[] (null: not now)
INSERT INTO rocksync.hub_order AS h (tenant_id, id, status, modified_at, digest, document, importable_as, imported_at)
SELECT $1, n.id, n.status, least(n.modified_at, now() + interval '5 minutes'), n.digest, n.document, n.importable_as,
       CASE WHEN EXISTS (SELECT FROM store.sales_order s WHERE s.tenant_id = $1 AND s.pluggto_id = n.id) THEN now() END
  FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::bytea[], $6::text[], $7::text[])
       AS n (id, status, modified_at, digest, document, importable_as)
    ON CONFLICT (tenant_id, id) DO UPDATE
   SET status = excluded.status, modified_at = coalesce(excluded.modified_at, h.modified_at), digest = excluded.digest,
       document = excluded.document, seen_at = now(), missing_skus = '{}',
       importable_as = least(h.importable_as, excluded.importable_as),
       imported_at = coalesce(h.imported_at, excluded.imported_at);

-- name: note_items
-- Items of orders that differ: pending, or skipped with the detail that says why.
-- $1 tenant_id bigint, $2 keys text[], $3 changed_at timestamptz[] (null: now), $4 details text[] (null: pending)
INSERT INTO rocksync.item AS i (tenant_id, kind, key, state, reason, detail, changed_at)
SELECT $1, 'order', n.key,
       CASE WHEN n.detail IS NULL THEN 'pending' ELSE 'skipped' END,
       CASE WHEN n.detail IS NULL THEN 'pending' ELSE 'not_selected' END,
       n.detail,
       CASE WHEN n.detail IS NULL THEN least(n.changed_at, now()) END
  FROM unnest($2::text[], $3::timestamptz[], $4::text[]) AS n (key, changed_at, detail)
    ON CONFLICT (tenant_id, kind, key) DO UPDATE
   SET state = excluded.state, reason = excluded.reason, detail = excluded.detail, revision = i.revision + 1, attempts = 0,
       next_attempt_at = now(),
       changed_at = CASE WHEN excluded.changed_at IS NOT NULL THEN least(i.changed_at, excluded.changed_at) END;

-- name: rows
-- Both sides of orders, one row for each; times are brought into the years that the driver has, 1 to 9999.
-- $1 tenant_id bigint, $2 ids text[]
SELECT asked.id AS pluggto_id, h.document, h.importable_as, h.imported_at IS NOT NULL AS was_imported, h.told,
       s.id, s.status, s.channel, s.channel_order, s.total,
       CASE WHEN s.placed_at IS NOT NULL THEN least(greatest(s.placed_at, year.first), year.last) END AS placed_at,
       i.order_id AS invoiced, i.key, i.number, i.series,
       CASE WHEN i.issued_at IS NOT NULL THEN least(greatest(i.issued_at, year.first), year.last) END AS issued_at,
       i.xml_url, i.cfops, d.order_id AS shipped, d.carrier, d.method, d.tracking_code, d.tracking_url,
       CASE WHEN d.shipped_at IS NOT NULL THEN least(greatest(d.shipped_at, year.first), year.last) END AS shipped_at,
       CASE WHEN d.delivered_at IS NOT NULL THEN least(greatest(d.delivered_at, year.first), year.last) END AS delivered_at
  FROM unnest($2::text[]) AS asked (id)
 CROSS JOIN (VALUES (timestamptz '0001-01-01 00:00Z', timestamptz '9999-12-31 00:00Z')) AS year (first, last)
  LEFT JOIN rocksync.hub_order h ON h.tenant_id = $1 AND h.id = asked.id
  LEFT JOIN store.sales_order s ON s.tenant_id = $1 AND s.pluggto_id = asked.id
  LEFT JOIN store.invoice i ON i.tenant_id = $1 AND i.order_id = s.id
  LEFT JOIN store.shipment d ON d.tenant_id = $1 AND d.order_id = s.id;

-- name: unknown_skus
-- A product with variations is sold by them alone: its own SKU is none that can be ordered.
-- $1 tenant_id bigint, $2 skus text[]
SELECT asked.sku
  FROM unnest($2::text[]) AS asked (sku)
 WHERE NOT EXISTS (SELECT FROM store.product p
                    WHERE p.tenant_id = $1 AND p.sku = asked.sku
                      AND NOT EXISTS (SELECT FROM store.variation v WHERE v.tenant_id = $1 AND v.product_sku = p.sku))
   AND NOT EXISTS (SELECT FROM store.variation v WHERE v.tenant_id = $1 AND v.sku = asked.sku);

-- name: park
-- An order that was never noted gets a digest that no document has, so that its next sight counts as a change.
-- $1 tenant_id bigint, $2 id text, $3 missing skus text[]
INSERT INTO rocksync.hub_order (tenant_id, id, status, digest, missing_skus)
VALUES ($1, $2, 'unknown', '', $3)
    ON CONFLICT (tenant_id, id) DO UPDATE SET missing_skus = excluded.missing_skus;

-- name: doubt
-- A digest that no document has: what the hub shows next of the order counts as a change, and is looked at.
-- $1 tenant_id bigint, $2 id text
UPDATE rocksync.hub_order SET digest = '' WHERE tenant_id = $1 AND id = $2;

-- name: looked
-- What an order was like when it was read by itself: shown otherwise, even as it was before, it counts as changed. One that
-- no list has shown yet gets a digest that no document has: its first sight there counts as a change.
-- $1 tenant_id bigint, $2 id text, $3 status text, $4 digest bytea, $5 importable as text (null: not now)
INSERT INTO rocksync.hub_order AS h (tenant_id, id, status, digest, importable_as, imported_at)
SELECT $1, $2, $3, ''::bytea, $5::text,
       CASE WHEN EXISTS (SELECT FROM store.sales_order s WHERE s.tenant_id = $1 AND s.pluggto_id = $2) THEN now() END
    ON CONFLICT (tenant_id, id) DO UPDATE SET digest = $4, importable_as = least(h.importable_as, excluded.importable_as)
 WHERE h.digest <> $4;

-- name: told
-- $1 tenant_id bigint, $2 id text, $3 part text, $4 what json text
INSERT INTO rocksync.hub_order AS h (tenant_id, id, status, digest, told)
VALUES ($1, $2, 'unknown', '', jsonb_build_object($3::text, $4::text::jsonb))
    ON CONFLICT (tenant_id, id) DO UPDATE SET told = h.told || excluded.told;

-- name: create_shipment
-- A row if none was begun lately, as the clock now tells.
-- $1 tenant_id bigint, $2 id text, $3 lately interval
INSERT INTO rocksync.hub_order AS h (tenant_id, id, status, digest, shipment_begun_at)
VALUES ($1, $2, 'unknown', '', now())
    ON CONFLICT (tenant_id, id) DO UPDATE SET shipment_begun_at = now()
 WHERE (h.shipment_begun_at BETWEEN now() - $3::interval AND now()) IS NOT TRUE
RETURNING true;

-- name: no_shipment
-- The hub has refused to create a shipment. $1 tenant_id bigint, $2 id text
UPDATE rocksync.hub_order SET shipment_begun_at = NULL WHERE tenant_id = $1 AND id = $2;

-- name: catch_up
-- Reservations settled as far as stock rows are free, whether orders wait for SKUs, and whether orders reserved stock when they
-- were last brought in line (null: they never were). $1 tenant_id bigint
SELECT rocksync.settle($1), EXISTS (SELECT FROM rocksync.hub_order WHERE tenant_id = $1 AND missing_skus <> '{}') AS parked,
       (SELECT s.reserves FROM rocksync.schedule s WHERE s.tenant_id = $1 AND s.kind = 'order') AS reserves;

-- name: hold_nothing
-- The tenant reserves no more: what is not off hand yet is let go of; its SKUs. Locked are those of orders that somebody is
-- deleting, which lets go of them. $1 tenant_id bigint
UPDATE rocksync.reservation r
   SET wanted = 'released'
 WHERE (r.tenant_id, r.order_id, r.sku) IN (
       SELECT f.tenant_id, f.order_id, f.sku FROM rocksync.reservation f
        WHERE f.tenant_id = $1 AND f.wanted = 'reserved'
          FOR UPDATE SKIP LOCKED)
RETURNING r.sku;

-- name: forget_released
-- What the store has invoiced or sent while the tenant did not reserve, it has taken off hand itself. $1 tenant_id bigint
DELETE FROM rocksync.reservation WHERE tenant_id = $1 AND wanted = 'released' AND settled IN ('none', 'released');

-- name: hold_open
-- The tenant reserves again: all lines of orders that were imported and are open, and that nobody is deleting; their SKUs.
-- $1 tenant_id bigint
WITH free AS MATERIALIZED (
    SELECT s.id
      FROM store.sales_order s
      JOIN rocksync.hub_order h ON h.tenant_id = $1 AND h.id = s.pluggto_id AND h.imported_at IS NOT NULL
     WHERE s.tenant_id = $1
       AND s.status IN ('pending', 'approved')
       FOR KEY SHARE OF s SKIP LOCKED)
INSERT INTO rocksync.reservation AS r (tenant_id, order_id, sku, quantity, wanted)
SELECT $1, free.id, l.sku, sum(l.quantity), 'reserved'
  FROM free
  JOIN store.sales_order_item l ON l.tenant_id = $1 AND l.order_id = free.id
 GROUP BY free.id, l.sku
    ON CONFLICT (tenant_id, order_id, sku) DO UPDATE SET wanted = 'reserved' WHERE r.wanted <> 'reserved'
RETURNING r.sku;

-- name: note_reserves
-- Not when switched on while an open order holds less than its lines, as it was locked: then all are looked at again.
-- $1 tenant_id bigint, $2 boolean: the tenant reserves stock
UPDATE rocksync.schedule
   SET reserves = $2
 WHERE tenant_id = $1
   AND kind = 'order'
   AND NOT ($2 AND reserves IS FALSE AND EXISTS (
       SELECT FROM store.sales_order s
         JOIN rocksync.hub_order h ON h.tenant_id = $1 AND h.id = s.pluggto_id AND h.imported_at IS NOT NULL
         JOIN store.sales_order_item l ON l.tenant_id = $1 AND l.order_id = s.id
        WHERE s.tenant_id = $1
          AND s.status IN ('pending', 'approved')
          AND NOT EXISTS (SELECT FROM rocksync.reservation r
                           WHERE r.tenant_id = $1 AND r.order_id = s.id AND r.sku = l.sku AND r.wanted = 'reserved')));

-- name: unpark
-- Orders whose SKUs the store knows by now are looked at again.
-- $1 tenant_id bigint
WITH complete AS (
    UPDATE rocksync.hub_order h
       SET missing_skus = '{}'
     WHERE h.tenant_id = $1
       AND h.missing_skus <> '{}'
       AND NOT EXISTS (
           SELECT FROM unnest(h.missing_skus) AS missing (sku)
            WHERE NOT EXISTS (SELECT FROM store.product p
                               WHERE p.tenant_id = $1 AND p.sku = missing.sku
                                 AND NOT EXISTS (SELECT FROM store.variation v
                                                  WHERE v.tenant_id = $1 AND v.product_sku = p.sku))
              AND NOT EXISTS (SELECT FROM store.variation v WHERE v.tenant_id = $1 AND v.sku = missing.sku))
    RETURNING h.id)
INSERT INTO rocksync.item AS i (tenant_id, kind, key, state, reason, changed_at)
SELECT $1, 'order', complete.id, 'pending', 'pending', now()
  FROM complete
    ON CONFLICT (tenant_id, kind, key) DO UPDATE
   SET state = 'pending', reason = 'pending', detail = NULL, revision = i.revision + 1, attempts = 0,
       next_attempt_at = now(), changed_at = least(i.changed_at, excluded.changed_at);

-- name: insert_order
-- No row: the order is there already.
-- $1 tenant_id bigint, $2 pluggto_id text, $3 channel text, $4 channel_order text, $5 status text, $6 customer json text,
-- $7 delivery json text, $8 payments json text, $9 subtotal numeric, $10 shipping numeric, $11 discount numeric,
-- $12 total numeric, $13 placed_at timestamptz, $14 raw json text
INSERT INTO store.sales_order (tenant_id, pluggto_id, channel, channel_order, status, customer, delivery, payments, subtotal,
                               shipping, discount, total, placed_at, raw)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::jsonb, $8::text::jsonb, $9, $10, $11, $12, $13, $14::text::jsonb)
    ON CONFLICT (tenant_id, pluggto_id) DO NOTHING
RETURNING id;

-- name: imported
-- It is imported once: deleted from the store it does not come back by itself.
-- $1 tenant_id bigint, $2 id text
UPDATE rocksync.hub_order SET imported_at = now() WHERE tenant_id = $1 AND id = $2;

-- name: skip_taken_ids
-- The platform gave orders ids of its own choice: go on behind them.
-- $1 tenant_id bigint
SELECT setval(ids.name, greatest(max(s.id), nextval(ids.name)))
  FROM store.sales_order s, (SELECT pg_get_serial_sequence('store.sales_order', 'id') AS name) ids
 WHERE s.tenant_id = $1
 GROUP BY ids.name;

-- name: insert_lines
-- $1 tenant_id bigint, $2 order_id bigint, $3 skus text[], $4 names text[], $5 quantities int[], $6 unit prices numeric[],
-- $7 discounts numeric[], $8 totals numeric[]
INSERT INTO store.sales_order_item (tenant_id, order_id, line, sku, name, quantity, unit_price, discount, total)
SELECT $1, $2, l.line, l.sku, l.name, l.quantity, l.unit_price, l.discount, l.total
  FROM unnest($3::text[], $4::text[], $5::int[], $6::numeric[], $7::numeric[], $8::numeric[])
       WITH ORDINALITY AS l (sku, name, quantity, unit_price, discount, total, line);

-- name: reserve
-- What the order's lines hold, the lines of one SKU summed.
-- $1 tenant_id bigint, $2 order_id bigint, $3 wanted text
INSERT INTO rocksync.reservation (tenant_id, order_id, sku, quantity, wanted)
SELECT $1, $2, l.sku, sum(l.quantity), $3
  FROM store.sales_order_item l
 WHERE l.tenant_id = $1
   AND l.order_id = $2
 GROUP BY l.sku;

-- name: align
-- Let reservations of an order want what its status asks for; the SKUs of those that changed. What has left the house
-- does not come back by a cancellation; a tenant that reserves no more lets go of what is not off hand yet.
-- $1 tenant_id bigint, $2 order_id bigint, $3 status text, $4 boolean: the tenant reserves stock
WITH target AS (
    SELECT CASE WHEN $3 IN ('pending', 'approved') THEN 'reserved'
                WHEN $3 <> 'canceled' THEN 'taken'
                WHEN EXISTS (SELECT FROM store.shipment d WHERE d.tenant_id = $1 AND d.order_id = $2) THEN 'taken'
                ELSE 'released' END AS wanted),
aim AS (
    SELECT r.sku, CASE WHEN $4 OR (target.wanted = 'taken' AND r.wanted = 'taken') THEN target.wanted
                       ELSE 'released' END AS wanted
      FROM rocksync.reservation r, target
     WHERE r.tenant_id = $1
       AND r.order_id = $2)
UPDATE rocksync.reservation r
   SET wanted = aim.wanted
  FROM aim
 WHERE r.tenant_id = $1
   AND r.order_id = $2
   AND r.sku = aim.sku
   AND r.wanted <> aim.wanted
RETURNING r.sku;

-- name: mark_stock
-- $1 tenant_id bigint, $2 skus text[]
INSERT INTO rocksync.change (tenant_id, kind, key) SELECT $1, 'stock', s.sku FROM unnest($2::text[]) AS s (sku);

-- name: mark_held
-- Stocks that orders hold more of than their row shows yet.
-- $1 tenant_id bigint, $2 order_id bigint
INSERT INTO rocksync.change (tenant_id, kind, key)
SELECT $1, 'stock', r.sku
  FROM rocksync.reservation r
 WHERE r.tenant_id = $1
   AND r.order_id = $2
   AND r.settled <> r.wanted;

-- name: settle
-- $1 tenant_id bigint
SELECT rocksync.settle($1);

-- name: lock_order
-- The status of an order that is now locked; no row: another transaction has it, or it is gone.
-- $1 tenant_id bigint, $2 id bigint
SELECT status FROM store.sales_order WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE SKIP LOCKED;

-- name: has_order
-- $1 tenant_id bigint, $2 id bigint
SELECT EXISTS (SELECT FROM store.sales_order WHERE tenant_id = $1 AND id = $2);

-- name: set_status
-- $1 tenant_id bigint, $2 id bigint, $3 status text, $4 raw json text
UPDATE store.sales_order SET status = $3, raw = $4::text::jsonb, updated_at = now() WHERE tenant_id = $1 AND id = $2;

-- name: saw
-- A row while the lease is held.
-- $1 tenant_id bigint, $2 kind text, $3 token bigint, $4 watermark timestamptz, $5 reconciled boolean
UPDATE rocksync.schedule
   SET watermark = greatest(watermark, $4), reconciled_at = CASE WHEN $5 THEN now() ELSE reconciled_at END
 WHERE tenant_id = $1
   AND kind = $2
   AND lease_token = $3
RETURNING true;

-- name: set_hub_user
-- $1 tenant_id bigint, $2 hub_user text
UPDATE rocksync.tenant SET hub_user = $2 WHERE id = $1 AND hub_user IS DISTINCT FROM $2;

-- name: drop_documents
-- Documents of orders with which nothing is left to do: the store's order has what Plugg.to sent.
-- $1 tenant_id bigint
UPDATE rocksync.hub_order h
   SET document = NULL
 WHERE h.tenant_id = $1
   AND h.document IS NOT NULL
   AND NOT EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = $1
                      AND i.kind = 'order'
                      AND i.key = h.id
                      AND i.state IN ('pending', 'quarantined'));
