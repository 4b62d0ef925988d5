-- An order that was set aside, as the store's own rules refused it for example, is looked at again when any column of its row
-- changes; while it goes on, only its status counts.
CREATE OR REPLACE FUNCTION rocksync.sales_order_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    INSERT INTO rocksync.change (tenant_id, kind, key)
    SELECT n.tenant_id, 'order', n.pluggto_id
      FROM after n JOIN before o ON n.tenant_id = o.tenant_id AND n.id = o.id
     WHERE n.pluggto_id IS NOT NULL
       AND coalesce(current_setting('rocksync.writer', true), '') <> 'worker'
       AND (n.status <> o.status
            OR ((SELECT i.state FROM rocksync.item i
                  WHERE i.tenant_id = n.tenant_id AND i.kind = 'order' AND i.key = n.pluggto_id) = 'quarantined'
                AND to_jsonb(n) - 'updated_at' <> to_jsonb(o) - 'updated_at'));
    RETURN NULL;
END $$;
