-- name: order_hints
-- Orders that may have changed at the hub become pending, and their tenants' order passes due; returns whose.
-- $1 order ids text[], $2 hub users text[]
WITH hinted AS MATERIALIZED (
    SELECT DISTINCT t.id AS tenant_id, h.order_id
      FROM unnest($1::text[], $2::text[]) AS h (order_id, hub_user)
      JOIN rocksync.tenant t ON t.hub_user = h.hub_user AND t.status = 'active'),
marked AS (
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT tenant_id, 'order', order_id FROM hinted)
UPDATE rocksync.schedule s
   SET due_at = least(s.due_at, clock_timestamp())
 WHERE s.kind = 'order'
   AND s.mode <> 'manual'
   AND s.tenant_id IN (SELECT tenant_id FROM hinted)
RETURNING s.tenant_id, pg_notify('rocksync', 'schedule ' || s.tenant_id || ' order');
