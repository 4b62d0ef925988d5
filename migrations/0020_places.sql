-- Prices and stocks are written by the hundred thousand. Old and new rows stand at the same places, so that they are merged
-- by them, already in their order, instead of hashed. What nearly never happens, a row that gets another key, is seen apart,
-- row by row, where it costs nothing: all pairs had been kept to look for such rows afterwards. Were rows ever not at the same
-- places, the keys of a pair would differ, and the new one of every such pair counts as changed: none is missed.

CREATE OR REPLACE FUNCTION rocksync.price_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '32MB'
    SET enable_nestloop = off SET enable_hashjoin = off SET jit = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT n.tenant_id, 'price', n.sku
      FROM (SELECT row_number() OVER () AS place, tenant_id, sku, price, special_price FROM after) n
      JOIN (SELECT row_number() OVER () AS place, tenant_id, sku, price, special_price FROM before) o USING (place)
     WHERE n.price <> o.price OR n.special_price IS DISTINCT FROM o.special_price
        OR n.sku <> o.sku OR n.tenant_id <> o.tenant_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION rocksync.stock_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '32MB'
    SET enable_nestloop = off SET enable_hashjoin = off SET jit = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT n.tenant_id, 'stock', n.sku
      FROM (SELECT row_number() OVER () AS place, tenant_id, sku, on_hand, reserved FROM after) n
      JOIN (SELECT row_number() OVER () AS place, tenant_id, sku, on_hand, reserved FROM before) o USING (place)
     WHERE n.on_hand <> o.on_hand OR n.reserved <> o.reserved OR n.sku <> o.sku OR n.tenant_id <> o.tenant_id;
    RETURN NULL;
END $$;

CREATE FUNCTION rocksync.key_left() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key) VALUES (OLD.tenant_id, TG_TABLE_NAME, OLD.sku);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rocksync.key_left IS 'Marks the price or stock of a SKU whose row has become that of another.';
CREATE TRIGGER left_by_update AFTER UPDATE ON store.price
    FOR EACH ROW WHEN (OLD.sku <> NEW.sku OR OLD.tenant_id <> NEW.tenant_id) EXECUTE FUNCTION rocksync.key_left();
CREATE TRIGGER left_by_update AFTER UPDATE ON store.stock
    FOR EACH ROW WHEN (OLD.sku <> NEW.sku OR OLD.tenant_id <> NEW.tenant_id) EXECUTE FUNCTION rocksync.key_left();
