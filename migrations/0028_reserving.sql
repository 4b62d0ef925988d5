-- Switching settings.reserve_stock off and on again left open orders without a hold, until somebody happened to work on them.
-- The next pass over orders brings all of them in line.
ALTER TABLE rocksync.schedule ADD COLUMN reserves boolean;
COMMENT ON COLUMN rocksync.schedule.reserves IS 'Of orders: whether they reserve stock, as of when the open ones were last brought in line with settings.reserve_stock. Null: they never were, as there were none.';
CREATE FUNCTION rocksync.reserves(settings jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN coalesce((settings ->> 'reserve_stock')::boolean, true);
COMMENT ON FUNCTION rocksync.reserves IS 'Whether orders of a tenant with these settings reserve stock.';
UPDATE rocksync.schedule s SET reserves = rocksync.reserves(t.settings)
  FROM rocksync.tenant t WHERE t.id = s.tenant_id AND s.kind = 'order';

CREATE OR REPLACE FUNCTION rocksync.is_deliverable(only_tenant bigint, only_kind text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'pending'
                      AND i.next_attempt_at <= clock_timestamp())
        OR (only_kind = 'order'
            AND (EXISTS (SELECT FROM rocksync.reservation r WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted)
                 OR EXISTS (SELECT FROM rocksync.hub_order o WHERE o.tenant_id = only_tenant AND o.missing_skus <> '{}')
                 OR EXISTS (SELECT FROM rocksync.schedule s JOIN rocksync.tenant t ON t.id = s.tenant_id
                             WHERE s.tenant_id = only_tenant AND s.kind = 'order'
                               AND s.reserves <> rocksync.reserves(t.settings))));
END $$;
COMMENT ON FUNCTION rocksync.is_deliverable IS
    'Workers only: whether an item is due, or, of orders, reservations are to be settled or a SKU is waited for.';

-- A stock row that becomes that of another SKU leaves its own without what orders hold of it, as one that is deleted does: a
-- row that comes in its place shows them again. What it brought along stays reserved where it now is.
CREATE FUNCTION rocksync.stock_key_left() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key) VALUES (OLD.tenant_id, 'stock', OLD.sku);
    INSERT INTO rocksync.replaced_stock (tenant_id, sku)
    SELECT OLD.tenant_id, OLD.sku
     WHERE EXISTS (SELECT FROM rocksync.reservation r
                    WHERE r.tenant_id = OLD.tenant_id AND r.sku = OLD.sku AND r.settled IN ('none', 'reserved'));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rocksync.stock_key_left IS 'Marks the stock of a SKU whose row has become that of another, and what orders hold of it.';
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'store.stock'::regclass AND tgname = 'left_by_update') THEN
        DROP TRIGGER left_by_update ON store.stock;
        CREATE TRIGGER left_by_update AFTER UPDATE ON store.stock
            FOR EACH ROW WHEN (OLD.sku <> NEW.sku OR OLD.tenant_id <> NEW.tenant_id) EXECUTE FUNCTION rocksync.stock_key_left();
    END IF;
END $$;
COMMENT ON COLUMN store.sales_order_item.quantity IS 'Units. What the order holds and its invoice takes off hand is as imported: it does not follow a line that is changed.';
