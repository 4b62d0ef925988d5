-- name: lag
SELECT l.tenant, l.kind, l.lag_s, l.pending, l.cause
  FROM rocksync.lag l;

-- name: items
-- Items of a kind by state, and how many of them were accepted lately. $1 lately interval
SELECT t.slug AS tenant, i.kind, i.state, count(*) AS items, count(*) FILTER (WHERE i.accepted_at > now() - $1::interval) AS lately
  FROM rocksync.item i
  JOIN rocksync.tenant t ON t.id = i.tenant_id
 GROUP BY t.slug, i.kind, i.state;

-- name: orders
-- Orders by what has become of them.
SELECT t.slug AS tenant, count(*) AS imported, count(*) FILTER (WHERE s.status = 'pending') AS pending,
       count(*) FILTER (WHERE s.status = 'canceled') AS canceled, count(i.order_id) AS invoiced, count(d.order_id) AS shipped
  FROM store.sales_order s
  JOIN rocksync.tenant t ON t.id = s.tenant_id
  LEFT JOIN store.invoice i ON i.tenant_id = s.tenant_id AND i.order_id = s.id
  LEFT JOIN store.shipment d ON d.tenant_id = s.tenant_id AND d.order_id = s.id
 GROUP BY t.slug;

-- name: parked
-- Orders that wait for SKUs that the store does not know.
SELECT t.slug AS tenant, count(*) AS orders
  FROM rocksync.hub_order h
  JOIN rocksync.tenant t ON t.id = h.tenant_id
 WHERE h.missing_skus <> '{}'
 GROUP BY t.slug;

-- name: not_delivered
-- Items that are not in step: what waits, and what was set aside.
SELECT t.slug AS tenant, i.kind, i.key, i.state, i.reason, i.detail
  FROM rocksync.item i
  JOIN rocksync.tenant t ON t.id = i.tenant_id
 WHERE i.state <> 'synced'
 UNION ALL
SELECT DISTINCT t.slug, c.kind, c.key, 'pending', 'pending', NULL
  FROM rocksync.change c
  JOIN rocksync.tenant t ON t.id = c.tenant_id
 ORDER BY tenant, kind, key;
