-- An order that was seen in a status in which it is imported, and could not be imported then, is remembered as such: it is
-- imported later although it has moved on at Plugg.to meanwhile.

ALTER TABLE rocksync.hub_order
    ADD COLUMN importable_as text CONSTRAINT hub_order_importable_as_is_known CHECK (importable_as IN ('pending', 'approved'));
COMMENT ON COLUMN rocksync.hub_order.importable_as IS 'The store''s status it would have been imported in when it was last seen in one that is imported; null: it never was, or it has been imported.';
UPDATE rocksync.hub_order
   SET importable_as = CASE WHEN status IN ('pending', 'partial_payment') THEN 'pending' ELSE 'approved' END
 WHERE status IN ('pending', 'partial_payment', 'approved', 'paid')
   AND NOT EXISTS (SELECT FROM store.sales_order s
                    WHERE s.tenant_id = rocksync.hub_order.tenant_id AND s.pluggto_id = rocksync.hub_order.id);

-- What Plugg.to was told of an order, so that a change of any member is told, and what it does not show is not told for ever.
ALTER TABLE rocksync.hub_order ADD COLUMN told jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN rocksync.hub_order.told IS 'What Plugg.to was last told: external, which is the store''s number; invoice and tracking, each its payload, and whether it is done, whatever Plugg.to shows of it.';

-- A write that creates a shipment may be carried out late. Another one meanwhile would create a second.
ALTER TABLE rocksync.hub_order ADD COLUMN shipment_begun_at timestamptz;
COMMENT ON COLUMN rocksync.hub_order.shipment_begun_at IS 'When a write that creates a shipment at Plugg.to was last about to be sent; null: never.';
