-- An order that the platform deletes and writes again, with the number it had, holds its stock again: what it held was let go
-- of by the deletion, and nothing had looked at it since.
CREATE FUNCTION rocksync.sales_order_returned() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT a.tenant_id, 'order', a.pluggto_id
      FROM after a
     WHERE a.pluggto_id IS NOT NULL
       AND coalesce(current_setting('rocksync.writer', true), '') <> 'worker'
       AND EXISTS (SELECT FROM rocksync.reservation r WHERE r.tenant_id = a.tenant_id AND r.order_id = a.id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rocksync.sales_order_returned IS 'Marks orders that come back to the store.';
DO $$
BEGIN
    IF (SELECT c.relkind FROM pg_class c WHERE c.oid = 'store.sales_order'::regclass) IN ('r', 'p') THEN
        CREATE TRIGGER changed_by_insert AFTER INSERT ON store.sales_order
            REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION rocksync.sales_order_returned();
    END IF;
END $$;
