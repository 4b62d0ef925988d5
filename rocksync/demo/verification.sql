-- name: products
-- $1 tenant_id bigint
SELECT sku FROM store.product WHERE tenant_id = $1 ORDER BY sku;

-- name: orders
-- $1 tenant_id bigint
SELECT s.pluggto_id, s.id, s.status, s.total, i.key, d.tracking_code,
       (SELECT sum(l.quantity) FROM store.sales_order_item l WHERE l.tenant_id = $1 AND l.order_id = s.id) AS units
  FROM store.sales_order s
  LEFT JOIN store.invoice i ON i.tenant_id = $1 AND i.order_id = s.id
  LEFT JOIN store.shipment d ON d.tenant_id = $1 AND d.order_id = s.id
 WHERE s.tenant_id = $1;
