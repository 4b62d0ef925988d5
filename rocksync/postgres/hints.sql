-- name: order_hints
-- Orders that may have changed at the hub become pending, and their tenants' order passes due; returns whose. An owner of
-- whom no order was seen yet may be any tenant of which none was: the order passes of the newest few become due as well, but
-- for those that looked a moment ago, as anybody can name an owner.
-- $1 order ids text[], $2 hub users text[]
WITH hinted AS MATERIALIZED (
    SELECT DISTINCT t.id AS tenant_id, h.order_id
      FROM unnest($1::text[], $2::text[]) AS h (order_id, hub_user)
      JOIN rocksync.tenant t ON t.hub_user = h.hub_user AND t.status = 'active'),
marked AS (
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT tenant_id, 'order', order_id FROM hinted),
newest AS MATERIALIZED (
    SELECT t.id AS tenant_id
      FROM rocksync.tenant t
     WHERE t.hub_user IS NULL AND t.status = 'active'
       AND EXISTS (SELECT FROM unnest($2::text[]) AS h (hub_user)
                    WHERE NOT EXISTS (SELECT FROM rocksync.tenant known WHERE known.hub_user = h.hub_user))
     ORDER BY t.activated_at DESC, t.id DESC
     LIMIT 5),
unheard AS (
    SELECT s.tenant_id
      FROM newest
      JOIN rocksync.schedule s ON s.tenant_id = newest.tenant_id AND s.kind = 'order'
     WHERE coalesce(s.last_started_at < clock_timestamp() - interval '15 seconds', true))
UPDATE rocksync.schedule s
   SET due_at = least(s.due_at, clock_timestamp())
 WHERE s.kind = 'order'
   AND s.mode <> 'manual'
   AND s.tenant_id IN (SELECT tenant_id FROM hinted UNION ALL SELECT tenant_id FROM unheard)
RETURNING s.tenant_id, pg_notify('rocksync', 'schedule ' || s.tenant_id || ' order');
