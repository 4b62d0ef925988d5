-- Tenants as operators keep them.

-- name: all
SELECT id, slug, name, domain, status, status_reason, paused_until, mappers, settings, revision, orders_since, created_at,
       activated_at
  FROM rocksync.tenant
 ORDER BY slug;

-- name: by_slug
-- $1 slug text
SELECT id, slug, name, domain, status, status_reason, paused_until, mappers, settings, revision, orders_since, created_at,
       activated_at
  FROM rocksync.tenant
 WHERE slug = $1;

-- name: slugs_like
-- Slugs that may have been meant.
-- $1 slug text
SELECT slug
  FROM rocksync.tenant
 WHERE left(slug, 1) = left($1, 1)
 ORDER BY slug
 LIMIT 1000;

-- name: schedules
-- $1 tenant_id bigint
SELECT s.kind, s.mode, s.every, coalesce(s.every, d.every) AS interval, s.due_at, s.last_started_at,
       s.last_completed_at, s.paused_until > clock_timestamp() AS is_paused, nullif(s.paused_until, 'infinity') AS paused_until,
       s.paused_reason, s.failure, s.failure_reason, s.backoff_until, s.leased_until > clock_timestamp() AS is_running
  FROM rocksync.schedule s
  JOIN rocksync.default_interval d ON d.kind = s.kind
 WHERE s.tenant_id = $1
 ORDER BY array_position(ARRAY['product', 'price', 'stock', 'order'], s.kind);

-- name: add
-- $1 slug text, $2 name text, $3 domain text, $4 mappers text[], $5 settings jsonb
INSERT INTO rocksync.tenant (slug, name, domain, mappers, settings)
VALUES ($1, $2, $3, $4, $5)
RETURNING id;

-- name: set
-- Null leaves a column as it is.
-- $1 tenant_id bigint, $2 name text, $3 domain text, $4 mappers text[], $5 settings to set jsonb, $6 settings to drop text[]
UPDATE rocksync.tenant
   SET name = coalesce($2, name),
       domain = coalesce($3, domain),
       mappers = coalesce($4, mappers),
       settings = (settings || $5::jsonb) - $6::text[]
 WHERE id = $1;

-- name: set_orders_since
-- $1 tenant_id bigint, $2 orders_since timestamptz
UPDATE rocksync.tenant SET orders_since = $2 WHERE id = $1;

-- name: activate
-- $1 slug text
SELECT rocksync.activate_tenant($1);

-- name: pause
-- $1 slug text, $2 reason text
SELECT rocksync.pause_tenant($1, $2);

-- name: set_paused_until
-- $1 tenant_id bigint, $2 paused_until timestamptz
UPDATE rocksync.tenant SET paused_until = $2 WHERE id = $1 AND status = 'paused';

-- name: pause_kinds
-- $1 tenant_id bigint, $2 kinds text[], $3 until timestamptz or null, $4 reason text
UPDATE rocksync.schedule
   SET paused_until = coalesce($3::timestamptz, 'infinity'), paused_reason = $4
 WHERE tenant_id = $1
   AND kind = ANY ($2::text[]);

-- name: resume
-- $1 slug text
SELECT rocksync.resume_tenant($1);

-- name: resume_kinds
-- What was overdue keeps its place; the time of a pause is no time waited.
-- $1 tenant_id bigint, $2 kinds text[], $3 is_active boolean
UPDATE rocksync.schedule s
   SET paused_until = NULL, paused_reason = NULL, backoff_until = NULL,
       due_at = CASE WHEN NOT $3 OR s.mode = 'manual' AND s.requested_at IS NULL THEN s.due_at
                     WHEN s.paused_until IS NULL THEN rocksync.due_now(s)
                     ELSE clock_timestamp() END
 WHERE s.tenant_id = $1
   AND s.kind = ANY ($2::text[]);

-- name: stop
-- Not for what a pass says of credentials that were replaced since it began.
-- $1 tenant_id bigint, $2 reason text, $3 kind text, $4 token bigint of the pass
UPDATE rocksync.tenant
   SET status = 'needs_credentials', status_reason = $2
 WHERE id = $1
   AND status = 'active'
   AND NOT EXISTS (SELECT FROM rocksync.credential c
                     JOIN rocksync.schedule s ON s.tenant_id = $1 AND s.kind = $3 AND s.lease_token = $4
                    WHERE c.tenant_id = $1 AND c.sealed_at > s.last_started_at);

-- name: set_schedule
-- $1 slug text, $2 kind text, $3 mode text, $4 every interval
SELECT rocksync.set_schedule($1, $2, $3, $4);

-- name: request_sync
-- $1 slug text, $2 kind text
SELECT rocksync.request_sync($1, $2);

-- name: mark_all
-- $1 tenant_id bigint, $2 kinds text[]
SELECT rocksync.mark_all($1, $2);

-- name: without_time_limit
SET LOCAL statement_timeout = 0;

-- name: remove
-- $1 tenant_id bigint
DELETE FROM rocksync.tenant WHERE id = $1;

-- name: remove_changes
-- $1 tenant_id bigint
DELETE FROM rocksync.change WHERE tenant_id = $1;

-- name: remove_replaced_stock
-- $1 tenant_id bigint
DELETE FROM rocksync.replaced_stock WHERE tenant_id = $1;

-- name: remove_history
-- $1 tenant_id bigint
DELETE FROM rocksync.history WHERE tenant_id = $1;

-- name: remove_orders
-- $1 tenant_id bigint
DELETE FROM store.sales_order WHERE tenant_id = $1;

-- name: remove_variations
-- $1 tenant_id bigint
DELETE FROM store.variation WHERE tenant_id = $1;

-- name: remove_products
-- $1 tenant_id bigint
DELETE FROM store.product WHERE tenant_id = $1;

-- name: remove_prices
-- $1 tenant_id bigint
DELETE FROM store.price WHERE tenant_id = $1;

-- name: remove_stocks
-- $1 tenant_id bigint
DELETE FROM store.stock WHERE tenant_id = $1;
