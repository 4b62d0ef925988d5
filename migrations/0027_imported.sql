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

-- An order is imported once: deleted from the store it does not come back by itself, whatever becomes of it at Plugg.to. What
-- it could be imported as is kept, for when an operator wants it again.
ALTER TABLE rocksync.hub_order ADD COLUMN imported_at timestamptz;
COMMENT ON COLUMN rocksync.hub_order.imported_at IS 'When the store was first known to have the order; deleted there, it is not imported again. Null: it never had it, or rocksync resend was asked to bring it back.';
COMMENT ON COLUMN rocksync.hub_order.importable_as IS 'The store''s status it would have been imported in when it was last seen in one that is imported; null: it never was.';
-- Of those imported until now: that of the store's order, which has forgotten it; or, where the store has deleted it, of what
-- Plugg.to showed last, as far as that tells.
UPDATE rocksync.hub_order h
   SET imported_at = now(),
       importable_as = CASE WHEN o.in_store = 'pending' OR (o.in_store IS NULL AND h.status NOT IN ('approved', 'paid')) THEN 'pending'
                            ELSE 'approved' END
  FROM (SELECT k.tenant_id, k.id,
               (SELECT s.status FROM store.sales_order s WHERE s.tenant_id = k.tenant_id AND s.pluggto_id = k.id) AS in_store,
               (SELECT i.accepted_at FROM rocksync.item i
                 WHERE i.tenant_id = k.tenant_id AND i.kind = 'order' AND i.key = k.id) AS accepted_at
          FROM rocksync.hub_order k) o
 WHERE o.tenant_id = h.tenant_id AND o.id = h.id
   AND (o.in_store IS NOT NULL OR o.accepted_at IS NOT NULL);

-- Of invoices told before that was noted, the key is known: another one that replaces it goes to the same shipment.
UPDATE rocksync.hub_order h
   SET told = h.told || jsonb_build_object('invoice', jsonb_build_object('payload', jsonb_build_object('nfe_key', btrim(i.key)),
                                                                        'done', false))
  FROM store.sales_order s JOIN store.invoice i ON i.tenant_id = s.tenant_id AND i.order_id = s.id
 WHERE s.tenant_id = h.tenant_id AND s.pluggto_id = h.id
   AND NOT h.told ? 'invoice';

-- Rows from before the bounds of what a worker can read, which Postgres checks whenever such a row is updated, whichever of its
-- columns is: brought within them, as workers read them anyway. Rows that a trigger of the platform keeps as they are stay so,
-- and so do views.
DO $$
DECLARE
    rule record;
BEGIN
    FOR rule IN
        SELECT *
          FROM (VALUES
                ('store.product', 'categories = ARRAY(SELECT unnest(categories)), photos = ARRAY(SELECT unnest(photos))',
                 'array_ndims(categories) > 1 OR array_ndims(photos) > 1'),
                ('store.variation', 'photos = ARRAY(SELECT unnest(photos))', 'array_ndims(photos) > 1'),
                ('store.sales_order', 'placed_at = least(greatest(placed_at, $1), $2)', 'NOT placed_at BETWEEN $1 AND $2'),
                ('store.invoice', 'issued_at = least(greatest(issued_at, $1), $2)', 'NOT issued_at BETWEEN $1 AND $2'),
                ('store.shipment',
                 'shipped_at = CASE WHEN shipped_at IS NOT NULL THEN least(greatest(shipped_at, $1), $2) END,
                  delivered_at = CASE WHEN delivered_at IS NOT NULL THEN least(greatest(delivered_at, $1), $2) END',
                 'NOT shipped_at BETWEEN $1 AND $2 OR NOT delivered_at BETWEEN $1 AND $2'),
                ('rocksync.tenant', 'orders_since = least(greatest(orders_since, $1), $2)', 'NOT orders_since BETWEEN $1 AND $2'))
               AS v (relation, changes, condition)
         WHERE (SELECT c.relkind FROM pg_class c WHERE c.oid = v.relation::regclass) IN ('r', 'p')
    LOOP
        BEGIN
            EXECUTE format('UPDATE %s SET %s WHERE %s', rule.relation, rule.changes, rule.condition)
              USING timestamptz '0001-01-01 00:00:00+00', timestamptz '9999-12-30 00:00:00+00';
        -- What passes is tried again instead; whatever else a trigger says is its last word.
        EXCEPTION WHEN lock_not_available OR deadlock_detected OR serialization_failure OR query_canceled THEN
            RAISE;
        WHEN OTHERS THEN
            RAISE WARNING 'rows of % that no worker can read stay as they are: %', rule.relation, SQLERRM;
        END;
    END LOOP;
END $$;
