-- name: open
-- Orders set aside before they were imported and not told of, and those told of that are imported by now (store_id).
-- $1 tenant_id bigint, $2 limit int
(SELECT i.key AS order_id, i.reason, coalesce(h.missing_skus, '{}') AS missing_skus, NULL::bigint AS store_id
   FROM rocksync.item i
   LEFT JOIN rocksync.hub_order h ON h.tenant_id = i.tenant_id AND h.id = i.key
  WHERE i.tenant_id = $1
    AND i.kind = 'order'
    AND i.state = 'quarantined'
    AND NOT EXISTS (SELECT FROM store.sales_order s WHERE s.tenant_id = $1 AND s.pluggto_id = i.key)
    AND NOT EXISTS (SELECT FROM rocksync.told_order t WHERE t.tenant_id = $1 AND t.order_id = i.key)
  LIMIT $2)
UNION ALL
(SELECT t.order_id, t.reason, '{}', s.id
   FROM rocksync.told_order t
   JOIN store.sales_order s ON s.tenant_id = t.tenant_id AND s.pluggto_id = t.order_id
  WHERE t.tenant_id = $1
    AND t.solved_at IS NULL
  LIMIT $2);

-- name: told
-- $1 tenant_id bigint, $2 order_id text, $3 reason text
INSERT INTO rocksync.told_order (tenant_id, order_id, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: solved
-- $1 tenant_id bigint, $2 order_id text
UPDATE rocksync.told_order SET solved_at = now() WHERE tenant_id = $1 AND order_id = $2;
