-- What operators ask and decide of single items.

-- name: quarantined
-- What is set aside, the oldest first.
-- $1 slug text or null, $2 kinds text[] or null, $3 keys text[] or null, $4 reasons text[] or null, $5 limit int or null
SELECT t.slug, i.kind, i.key, i.reason, i.detail, i.attempts, i.changed_at, i.attempted_at
  FROM rocksync.item i
  JOIN rocksync.tenant t ON t.id = i.tenant_id
 WHERE i.state = 'quarantined'
   AND ($1::text IS NULL OR i.tenant_id = (SELECT id FROM rocksync.tenant WHERE slug = $1))
   AND ($2::text[] IS NULL OR i.kind = ANY ($2))
   AND ($3::text[] IS NULL OR i.key = ANY ($3))
   AND ($4::text[] IS NULL OR i.reason = ANY ($4))
 ORDER BY i.changed_at, t.slug, i.kind, i.key
 LIMIT $5;

-- name: count_quarantined
-- How many are set aside. $1 slug text or null, $2 kinds text[] or null, $3 keys text[] or null, $4 reasons text[] or null
SELECT count(*)
  FROM rocksync.item i
 WHERE i.state = 'quarantined'
   AND ($1::text IS NULL OR i.tenant_id = (SELECT id FROM rocksync.tenant WHERE slug = $1))
   AND ($2::text[] IS NULL OR i.kind = ANY ($2))
   AND ($3::text[] IS NULL OR i.key = ANY ($3))
   AND ($4::text[] IS NULL OR i.reason = ANY ($4));

-- name: refused
-- Tenants and kinds that have something set aside, or refused and waiting for its next attempt.
-- $1 slug text or null, $2 kinds text[] or null, $3 keys text[] or null, $4 reasons text[] or null
SELECT t.id AS tenant_id, t.slug, s.kind
  FROM rocksync.tenant t
  JOIN rocksync.schedule s ON s.tenant_id = t.id
 WHERE ($1::text IS NULL OR t.slug = $1)
   AND ($2::text[] IS NULL OR s.kind = ANY ($2))
   AND (EXISTS (SELECT FROM rocksync.item i
                 WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'quarantined'
                   AND ($3::text[] IS NULL OR i.key = ANY ($3)) AND ($4::text[] IS NULL OR i.reason = ANY ($4)))
        OR EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'pending' AND i.attempts > 0
                      AND ($3::text[] IS NULL OR i.key = ANY ($3)) AND ($4::text[] IS NULL OR i.reason = ANY ($4))))
 ORDER BY t.slug, s.kind;

-- name: release
-- Let items that are set aside try again; how many.
-- $1 tenant_id bigint, $2 kind text, $3 keys text[] or null, $4 reasons text[] or null
WITH released AS (
    UPDATE rocksync.item i
       SET state = 'pending', reason = 'pending', detail = NULL, attempts = 0, revision = i.revision + 1,
           changed_at = coalesce(i.changed_at, now()), next_attempt_at = now()
     WHERE i.state = 'quarantined'
       AND i.tenant_id = $1
       AND i.kind = $2
       AND ($3::text[] IS NULL OR i.key = ANY ($3))
       AND ($4::text[] IS NULL OR i.reason = ANY ($4))
    RETURNING i.key)
SELECT count(*) FROM released;

-- name: retry
-- Have items tried at once that were refused and wait for their next attempt, as if it was their first; how many. They are
-- what they were, so that what was approved of them stays approved.
-- $1 tenant_id bigint, $2 kind text, $3 keys text[] or null, $4 reasons text[] or null, $5 reasons of those that
-- wait for something else text[]
WITH retried AS (
    UPDATE rocksync.item i
       SET reason = 'pending', detail = NULL, attempts = 0, next_attempt_at = now()
     WHERE i.state = 'pending'
       AND i.attempts > 0
       AND i.next_attempt_at > now()
       AND i.reason <> ALL ($5)
       AND coalesce(i.late_until <= now(), true)
       AND i.tenant_id = $1
       AND i.kind = $2
       AND ($3::text[] IS NULL OR i.key = ANY ($3))
       AND ($4::text[] IS NULL OR i.reason = ANY ($4))
    RETURNING i.key)
SELECT count(*) FROM retried;

-- name: hurry
-- $1 tenant_id bigint, $2 kinds text[]
SELECT rocksync.hurry($1, $2);

-- name: resend
-- Send items although Plugg.to holds the same; those that are not there come into being.
-- $1 tenant_id bigint, $2 kinds text[], $3 keys text[]
INSERT INTO rocksync.item AS i (tenant_id, kind, key, state, reason, changed_at, resend)
SELECT $1, o.kind, o.key, 'pending', 'pending', now(), true FROM unnest($2::text[], $3::text[]) AS o (kind, key)
    ON CONFLICT (tenant_id, kind, key) DO UPDATE
   SET state = 'pending', reason = 'pending', detail = NULL, resend = true, revision = i.revision + 1, attempts = 0,
       changed_at = coalesce(i.changed_at, excluded.changed_at), next_attempt_at = now();

-- name: import_again
-- Orders that the store has deleted are imported once more, as if it had never had them, and those that were never seen when
-- they were new as if they were approved; not those that were cancelled.
-- $1 tenant_id bigint, $2 ids text[]
UPDATE rocksync.hub_order h
   SET imported_at = NULL, importable_as = coalesce(importable_as, 'approved')
 WHERE h.tenant_id = $1
   AND h.id = ANY ($2)
   AND h.status NOT IN ('canceled', 'refunded')
   AND NOT EXISTS (SELECT FROM store.sales_order s WHERE s.tenant_id = $1 AND s.pluggto_id = h.id);

-- name: is_known
-- Whether the store, or what we keep of what was sent, has any of these; or an order's key is one that Plugg.to may know.
-- $1 tenant_id bigint, $2 kinds text[], $3 keys text[]
SELECT EXISTS (
    SELECT FROM unnest($2::text[], $3::text[]) AS o (kind, key)
     WHERE EXISTS (SELECT FROM rocksync.item i WHERE i.tenant_id = $1 AND i.kind = o.kind AND i.key = o.key)
        OR CASE o.kind
           WHEN 'product' THEN EXISTS (SELECT FROM store.product p WHERE p.tenant_id = $1 AND p.sku = o.key)
           WHEN 'price' THEN EXISTS (SELECT FROM store.price p WHERE p.tenant_id = $1 AND p.sku = o.key)
           WHEN 'stock' THEN EXISTS (SELECT FROM store.stock s WHERE s.tenant_id = $1 AND s.sku = o.key)
           ELSE EXISTS (SELECT FROM store.sales_order s WHERE s.tenant_id = $1 AND s.pluggto_id = o.key)
                OR EXISTS (SELECT FROM rocksync.hub_order h WHERE h.tenant_id = $1 AND h.id = o.key)
                OR o.key ~ '^[0-9a-f]{24}$'
           END);

-- name: manual_kinds
-- Those of kinds that run on request only. $1 tenant_id bigint, $2 kinds text[]
SELECT kind FROM rocksync.schedule WHERE tenant_id = $1 AND kind = ANY ($2) AND mode = 'manual' ORDER BY kind;

-- name: history
-- What was sent and answered, the latest first.
-- $1 tenant_id bigint, $2 kinds text[], $3 keys text[], $4 limit int
SELECT h.kind, h.key, h.at, h.action, h.status, h.reason, h.detail, h.sent, h.took_ms
  FROM unnest($2::text[], $3::text[]) AS o (kind, key)
  JOIN rocksync.history h ON h.tenant_id = $1 AND h.kind = o.kind AND h.key = o.key
 ORDER BY h.at DESC
 LIMIT $4;

-- name: holds
-- Changes that wait for an operator, the oldest first.
-- $1 slug text or null, $2 kinds text[] or null, $3 keys text[] or null
SELECT t.slug, h.kind, h.key, h.before, h.after, h.why, h.held_at
  FROM rocksync.hold h
  JOIN rocksync.tenant t ON t.id = h.tenant_id
  JOIN rocksync.item i ON i.tenant_id = h.tenant_id AND i.kind = h.kind AND i.key = h.key AND i.revision = h.revision
 WHERE h.decision IS NULL
   AND i.state = 'quarantined'
   AND ($1::text IS NULL OR t.slug = $1)
   AND ($2::text[] IS NULL OR h.kind = ANY ($2))
   AND ($3::text[] IS NULL OR h.key = ANY ($3))
 ORDER BY h.held_at, t.slug, h.kind, h.key;

-- name: decide
-- Approve or reject what is held of one tenant; how many of which kind. Approved is the change as it was seen: the item is
-- at the revision written here until anything of it changes.
-- $1 tenant_id bigint, $2 kinds text[] or null, $3 keys text[] or null, $4 decision text, $5 who text
WITH decided AS (
    UPDATE rocksync.item i
       SET revision = i.revision + 1, attempts = 0,
           state = CASE $4 WHEN 'approved' THEN 'pending' ELSE 'skipped' END,
           reason = CASE $4 WHEN 'approved' THEN 'pending' ELSE 'not_selected' END,
           detail = CASE $4 WHEN 'rejected' THEN 'the change was rejected by ' || $5 || '; Plugg.to keeps what it has' END,
           changed_at = CASE $4 WHEN 'approved' THEN coalesce(i.changed_at, now()) END,
           next_attempt_at = now()
      FROM rocksync.hold h
     WHERE h.tenant_id = $1 AND i.tenant_id = $1
       AND i.kind = h.kind AND i.key = h.key AND i.revision = h.revision AND i.state = 'quarantined'
       AND h.decision IS NULL
       AND ($2::text[] IS NULL OR h.kind = ANY ($2))
       AND ($3::text[] IS NULL OR h.key = ANY ($3))
    RETURNING i.kind, i.key, i.revision),
noted AS (
    UPDATE rocksync.hold h
       SET decision = $4, decided_at = now(), decided_by = $5, revision = decided.revision
      FROM decided
     WHERE h.tenant_id = $1 AND h.kind = decided.kind AND h.key = decided.key
    RETURNING h.kind)
SELECT kind, count(*) AS items FROM noted GROUP BY kind ORDER BY kind;

-- name: product_with
-- The product that Plugg.to accepted with this variation, or as this SKU. $1 tenant_id bigint, $2 sku text
SELECT key
  FROM rocksync.item
 WHERE tenant_id = $1
   AND kind = 'product'
   AND (key = $2 OR accepted @> jsonb_build_object('variations', jsonb_build_array(jsonb_build_object('sku', $2::text))))
 ORDER BY key = $2 DESC
 LIMIT 1;

-- name: variation_of
-- $1 tenant_id bigint, $2 sku text
SELECT product_sku FROM store.variation WHERE tenant_id = $1 AND sku = $2;

-- name: some_products
-- $1 tenant_id bigint, $2 limit int
SELECT sku FROM store.product WHERE tenant_id = $1 ORDER BY sku LIMIT $2;

-- name: order_keys
-- Orders that go by a name: Plugg.to's id of it, or the store's own. $1 tenant_id bigint, $2 name text
SELECT pluggto_id
  FROM store.sales_order
 WHERE tenant_id = $1
   AND (pluggto_id = $2 OR id::text = $2)
 ORDER BY pluggto_id = $2 DESC NULLS LAST
 LIMIT 1;

-- name: audit_lines
-- What operators changed, the latest first. $1 slug text or null, $2 limit int
SELECT at, who, action, slug, what FROM rocksync.audit WHERE $1::text IS NULL OR slug = $1 ORDER BY id DESC LIMIT $2;
