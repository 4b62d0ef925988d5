-- What no worker can read would stop all of a tenant, not the row that it is in: years beyond 9999, infinity, arrays of arrays.
ALTER TABLE store.product
    ADD CONSTRAINT product_categories_are_a_plain_array CHECK (coalesce(array_ndims(categories), 1) = 1),
    ADD CONSTRAINT product_photos_are_a_plain_array CHECK (coalesce(array_ndims(photos), 1) = 1);
ALTER TABLE store.variation
    ADD CONSTRAINT variation_photos_are_a_plain_array CHECK (coalesce(array_ndims(photos), 1) = 1);
ALTER TABLE store.sales_order
    ADD CONSTRAINT sales_order_placed_at_is_a_date
        CHECK (placed_at >= '0001-01-01 00:00:00+00' AND placed_at < '9999-12-31 00:00:00+00');
ALTER TABLE store.invoice
    ADD CONSTRAINT invoice_issued_at_is_a_date
        CHECK (issued_at >= '0001-01-01 00:00:00+00' AND issued_at < '9999-12-31 00:00:00+00');
ALTER TABLE store.shipment
    ADD CONSTRAINT shipment_shipped_at_is_a_date
        CHECK (shipped_at >= '0001-01-01 00:00:00+00' AND shipped_at < '9999-12-31 00:00:00+00'),
    ADD CONSTRAINT shipment_delivered_at_is_a_date
        CHECK (delivered_at >= '0001-01-01 00:00:00+00' AND delivered_at < '9999-12-31 00:00:00+00');
ALTER TABLE rocksync.tenant
    ADD CONSTRAINT tenant_orders_since_is_a_date
        CHECK (orders_since >= '0001-01-01 00:00:00+00' AND orders_since < '9999-12-31 00:00:00+00');
