-- Meaning and unit of the columns that people read or write; those of workers alone say it where they are made.

COMMENT ON COLUMN store.product.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.product.name IS 'Title, plain text.';
COMMENT ON COLUMN store.product.short_description IS 'Plain text; null: none.';
COMMENT ON COLUMN store.product.brand IS 'Null: none.';
COMMENT ON COLUMN store.product.model IS 'Null: none.';
COMMENT ON COLUMN store.product.ean IS 'EAN or GTIN; null: none.';

COMMENT ON COLUMN store.variation.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.variation.sku IS 'Sellable SKU; carries price and stock.';
COMMENT ON COLUMN store.variation.name IS 'Null: that of its product.';
COMMENT ON COLUMN store.variation.ean IS 'EAN or GTIN; null: none.';
COMMENT ON COLUMN store.variation.photos IS 'URLs, the first is the main one.';
COMMENT ON COLUMN store.variation.active IS 'False: off sale, stock 0 at Plugg.to.';
COMMENT ON COLUMN store.variation.updated_at IS 'When the platform last wrote it.';

COMMENT ON COLUMN store.price.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.price.sku IS 'Sellable SKU: of a variation, or of a product without any.';
COMMENT ON COLUMN store.price.updated_at IS 'When the platform last wrote it.';

COMMENT ON COLUMN store.stock.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.stock.sku IS 'Sellable SKU: of a variation, or of a product without any.';
COMMENT ON COLUMN store.stock.updated_at IS 'When the platform last wrote it.';

COMMENT ON COLUMN store.sales_order.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.sales_order.id IS 'The store''s own number.';
COMMENT ON COLUMN store.sales_order.status IS 'pending, approved, invoiced, shipped, delivered or canceled; never moves backwards.';
COMMENT ON COLUMN store.sales_order.payments IS 'As Plugg.to tells them: a list.';
COMMENT ON COLUMN store.sales_order.subtotal IS 'Of the lines, in BRL.';
COMMENT ON COLUMN store.sales_order.shipping IS 'In BRL.';
COMMENT ON COLUMN store.sales_order.discount IS 'In BRL, as a positive amount.';
COMMENT ON COLUMN store.sales_order.created_at IS 'When it was imported.';
COMMENT ON COLUMN store.sales_order.updated_at IS 'When it was last written.';

COMMENT ON COLUMN store.sales_order_item.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.sales_order_item.order_id IS 'store.sales_order.id.';
COMMENT ON COLUMN store.sales_order_item.line IS 'Place in the order, from 1.';
COMMENT ON COLUMN store.sales_order_item.sku IS 'Sellable SKU.';
COMMENT ON COLUMN store.sales_order_item.name IS 'As the marketplace showed it; null: unknown.';
COMMENT ON COLUMN store.sales_order_item.quantity IS 'Units.';
COMMENT ON COLUMN store.sales_order_item.unit_price IS 'Of one unit, in BRL.';
COMMENT ON COLUMN store.sales_order_item.discount IS 'Of the line, in BRL, as a positive amount.';
COMMENT ON COLUMN store.sales_order_item.total IS 'Of the line, in BRL.';

COMMENT ON COLUMN store.invoice.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.invoice.order_id IS 'store.sales_order.id.';
COMMENT ON COLUMN store.invoice.number IS 'Of the NF-e.';
COMMENT ON COLUMN store.invoice.series IS 'Of the NF-e.';
COMMENT ON COLUMN store.invoice.issued_at IS 'When the NF-e was issued.';

COMMENT ON COLUMN store.shipment.tenant_id IS 'Whose it is: rocksync.tenant.id.';
COMMENT ON COLUMN store.shipment.order_id IS 'store.sales_order.id.';
COMMENT ON COLUMN store.shipment.carrier IS 'Null: what the marketplace chose.';
COMMENT ON COLUMN store.shipment.method IS 'Null: what the marketplace chose.';
COMMENT ON COLUMN store.shipment.tracking_code IS 'Null: none yet.';
COMMENT ON COLUMN store.shipment.tracking_url IS 'Null: none.';
COMMENT ON COLUMN store.shipment.shipped_at IS 'When it left; null: not yet.';
COMMENT ON COLUMN store.shipment.delivered_at IS 'When it arrived; null: not yet.';

COMMENT ON COLUMN rocksync.tenant.id IS 'Number of the tenant, first part of every key.';
COMMENT ON COLUMN rocksync.tenant.name IS 'For people.';
COMMENT ON COLUMN rocksync.tenant.created_at IS 'When it was added.';
COMMENT ON COLUMN rocksync.tenant.activated_at IS 'When it was first activated; null: never.';

COMMENT ON COLUMN rocksync.schedule.tenant_id IS 'rocksync.tenant.id.';
COMMENT ON COLUMN rocksync.schedule.kind IS 'product, price, stock or order.';
COMMENT ON COLUMN rocksync.schedule.last_started_at IS 'When the last pass began.';
COMMENT ON COLUMN rocksync.schedule.last_completed_at IS 'When a pass last came to its end.';
COMMENT ON COLUMN rocksync.schedule.paused_reason IS 'Why the kind is paused; null: it is not.';
COMMENT ON COLUMN rocksync.schedule.failure IS 'What the last pass failed of; null: it did not.';
COMMENT ON COLUMN rocksync.schedule.leased_until IS 'Until when the worker that runs the pass holds it, unless it extends that.';

COMMENT ON COLUMN rocksync.item.tenant_id IS 'rocksync.tenant.id.';
COMMENT ON COLUMN rocksync.item.kind IS 'product, price, stock or order.';
COMMENT ON COLUMN rocksync.item.detail IS 'Reason in words, without personal data.';
COMMENT ON COLUMN rocksync.item.next_attempt_at IS 'Not delivered before then.';
COMMENT ON COLUMN rocksync.item.attempted_at IS 'When it was last tried.';
COMMENT ON COLUMN rocksync.item.accepted_at IS 'When Plugg.to last accepted it.';

COMMENT ON COLUMN rocksync.history.tenant_id IS 'rocksync.tenant.id.';
COMMENT ON COLUMN rocksync.history.kind IS 'product, price, stock or order.';
COMMENT ON COLUMN rocksync.history.key IS 'As rocksync.item.key.';
COMMENT ON COLUMN rocksync.history.at IS 'When it was recorded.';
COMMENT ON COLUMN rocksync.history.reason IS 'Reason code; null: it went well.';
COMMENT ON COLUMN rocksync.history.detail IS 'Reason in words, without personal data.';
COMMENT ON COLUMN rocksync.history.sent IS 'What was sent, redacted.';

COMMENT ON COLUMN rocksync.hold.tenant_id IS 'rocksync.tenant.id.';
COMMENT ON COLUMN rocksync.hold.kind IS 'price or stock.';
COMMENT ON COLUMN rocksync.hold.key IS 'Sellable SKU.';
COMMENT ON COLUMN rocksync.hold.before IS 'What Plugg.to has.';
COMMENT ON COLUMN rocksync.hold.after IS 'What the store wants.';
COMMENT ON COLUMN rocksync.hold.why IS 'Which limit it is over.';
COMMENT ON COLUMN rocksync.hold.held_at IS 'Since when.';
COMMENT ON COLUMN rocksync.hold.decided_at IS 'When it was decided.';
COMMENT ON COLUMN rocksync.hold.decided_by IS 'Who decided.';

COMMENT ON COLUMN rocksync.lag.tenant IS 'Slug.';
COMMENT ON COLUMN rocksync.lag.kind IS 'product, price, stock or order.';
COMMENT ON COLUMN rocksync.lag.lag_s IS 'Age of the oldest change not yet delivered, in seconds; 0: none.';
COMMENT ON COLUMN rocksync.lag.staleness_s IS 'Seconds since the last complete pass, or since activation; null for a draft.';
COMMENT ON COLUMN rocksync.lag.pending IS 'Items not yet delivered.';
COMMENT ON COLUMN rocksync.lag.quarantined IS 'Items set aside.';
COMMENT ON COLUMN rocksync.lag.cause IS 'Reason code of why it stands where it does.';

COMMENT ON COLUMN rocksync.audit.id IS 'In the order of the changes.';
COMMENT ON COLUMN rocksync.audit.at IS 'When.';
COMMENT ON COLUMN rocksync.audit.who IS 'User of the machine or of the database.';
COMMENT ON COLUMN rocksync.audit.action IS 'The command.';
COMMENT ON COLUMN rocksync.audit.tenant_id IS 'Null: of no single tenant.';
COMMENT ON COLUMN rocksync.audit.slug IS 'Of the tenant, as it was then.';
COMMENT ON COLUMN rocksync.audit.what IS 'What was asked for, without secrets.';

COMMENT ON COLUMN rocksync.mapper_fault.worker IS 'Which worker says so.';
COMMENT ON COLUMN rocksync.mapper_fault.name IS 'Of the mapper.';
COMMENT ON COLUMN rocksync.mapper_fault.detail IS 'The fault, with file and line.';
COMMENT ON COLUMN rocksync.mapper_fault.since IS 'When it was first seen.';

COMMENT ON COLUMN rocksync.worker.name IS 'Host, process and a random part.';
COMMENT ON COLUMN rocksync.worker.version IS 'Of rocksync.';
COMMENT ON COLUMN rocksync.worker.started_at IS 'When it began.';
COMMENT ON COLUMN rocksync.worker.seen_at IS 'When it last said that it lives.';
