-- name: reprice
-- $1 tenant_id bigint, $2 skus text[], $3 prices numeric[], $4 special prices numeric[]
UPDATE store.price p
   SET price = n.price, special_price = n.special_price, updated_at = now()
  FROM unnest($2::text[], $3::numeric[], $4::numeric[]) AS n (sku, price, special_price)
 WHERE p.tenant_id = $1
   AND p.sku = n.sku;

-- name: restock
-- $1 tenant_id bigint, $2 skus text[], $3 units int, $4 room on the shelf int
UPDATE store.stock
   SET on_hand = least(on_hand + $3, greatest(on_hand, $4)), updated_at = now()
 WHERE tenant_id = $1
   AND sku = ANY ($2);

-- name: to_invoice
-- $1 tenant_id bigint
SELECT s.id
  FROM store.sales_order s
 WHERE s.tenant_id = $1
   AND s.status = 'approved'
   AND NOT EXISTS (SELECT FROM store.invoice i WHERE i.tenant_id = $1 AND i.order_id = s.id)
 ORDER BY s.id;

-- name: invoice
-- An order that was cancelled meanwhile is left alone.
-- $1 tenant_id bigint, $2 order_ids bigint[], $3 keys text[], $4 numbers text[], $5 series text, $6 issued_at timestamptz,
-- $7 xml_urls text[]
INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at, xml_url, cfops)
SELECT $1, n.order_id, n.key, n.number, $5, $6, n.xml_url, '6102'
  FROM unnest($2::bigint[], $3::text[], $4::text[], $7::text[]) AS n (order_id, key, number, xml_url)
  JOIN store.sales_order s ON s.tenant_id = $1 AND s.id = n.order_id AND s.status = 'approved';

-- name: ship
-- $1 tenant_id bigint, $2 prefix of tracking codes text, $3 tracking address text
INSERT INTO store.shipment (tenant_id, order_id, carrier, method, tracking_code, tracking_url, shipped_at)
SELECT $1, s.id, 'Correios', CASE s.id % 2 WHEN 0 THEN 'PAC' ELSE 'SEDEX' END, $2 || lpad(s.id::text, 9, '0') || 'BR',
       $3 || $2 || lpad(s.id::text, 9, '0') || 'BR', now()
  FROM store.sales_order s
 WHERE s.tenant_id = $1
   AND s.status = 'invoiced';

-- name: arrive
-- Parcels that have travelled long enough; returns the Plugg.to ids of their orders.
-- $1 tenant_id bigint, $2 travel interval
UPDATE store.shipment d
   SET delivered_at = now()
  FROM store.sales_order s
 WHERE d.tenant_id = $1
   AND d.delivered_at IS NULL
   AND d.shipped_at < now() - $2::interval
   AND s.tenant_id = $1
   AND s.id = d.order_id
   AND s.status = 'shipped'
RETURNING s.pluggto_id;
