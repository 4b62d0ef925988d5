-- What no worker can read would stop all of a tenant, not the row that it is in: years beyond 9999, infinity, arrays of arrays.
-- Rows that are there already are left, as workers put up with them; views, which the platform may have put in the place of
-- tables, have no rules.
DO $$
DECLARE
    rule record;
BEGIN
    FOR rule IN
        SELECT *
          FROM (VALUES
                ('store.product', 'product_categories_are_a_plain_array', 'coalesce(array_ndims(categories), 1) = 1'),
                ('store.product', 'product_photos_are_a_plain_array', 'coalesce(array_ndims(photos), 1) = 1'),
                ('store.variation', 'variation_photos_are_a_plain_array', 'coalesce(array_ndims(photos), 1) = 1'),
                ('store.sales_order', 'sales_order_placed_at_is_a_date', 'placed_at BETWEEN %1$L AND %2$L'),
                ('store.invoice', 'invoice_issued_at_is_a_date', 'issued_at BETWEEN %1$L AND %2$L'),
                ('store.shipment', 'shipment_shipped_at_is_a_date', 'shipped_at BETWEEN %1$L AND %2$L'),
                ('store.shipment', 'shipment_delivered_at_is_a_date', 'delivered_at BETWEEN %1$L AND %2$L'),
                ('rocksync.tenant', 'tenant_orders_since_is_a_date', 'orders_since BETWEEN %1$L AND %2$L'))
               AS v (relation, name, expression)
         WHERE (SELECT c.relkind FROM pg_class c WHERE c.oid = v.relation::regclass) IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s) NOT VALID', rule.relation, rule.name,
                       format(rule.expression, '0001-01-01 00:00:00+00', '9999-12-30 00:00:00+00'));
    END LOOP;
END $$;
