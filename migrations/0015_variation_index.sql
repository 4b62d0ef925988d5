-- The variations of a product are found by an index that begins with the product's SKU. One that begins with the tenant, as the
-- primary key does, costs a planner that knows nothing of the table as little as that key where a variation's SKU is looked
-- for, and reads all variations of the tenant for each: a session that had written a few rows kept such a plan, and its
-- INSERT of 10,000 prices took 15 s.
CREATE INDEX variation_of_product ON store.variation (product_sku, tenant_id);
DROP INDEX store.variation_product;
