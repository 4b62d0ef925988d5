-- What is written into tables by SQL meets the rules of the calls and commands, and counts as soon.

-- A schedule that was written by SQL had its kind run at the interval it had before, and one that was manual until then never.
CREATE FUNCTION rocksync.due_as_set(s rocksync.schedule) RETURNS timestamptz
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN s.mode = 'manual' AND s.requested_at IS NULL THEN NULL
                WHEN s.lease_worker IS NULL THEN least(s.due_at, clock_timestamp())
                ELSE clock_timestamp() END
      FROM rocksync.tenant t WHERE t.id = s.tenant_id AND t.status = 'active'
$$;
COMMENT ON FUNCTION rocksync.due_as_set IS 'When a kind is due whose mode or interval has just been set; what is overdue keeps its place; null: not until something asks for it.';

-- After the write: a trigger before it would have every update by a worker lock its row first, whatever columns it names.
CREATE FUNCTION rocksync.schedule_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE rocksync.schedule s SET due_at = rocksync.due_as_set(s) WHERE s.tenant_id = NEW.tenant_id AND s.kind = NEW.kind;
    PERFORM pg_notify('rocksync', 'schedule ' || NEW.tenant_id || ' ' || NEW.kind);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rocksync.schedule_written IS 'Makes a kind due whose mode or interval has changed, and wakes the workers.';
CREATE TRIGGER written AFTER UPDATE OF mode, every ON rocksync.schedule
    FOR EACH ROW WHEN ((OLD.mode, OLD.every) IS DISTINCT FROM (NEW.mode, NEW.every))
    EXECUTE FUNCTION rocksync.schedule_written();

CREATE OR REPLACE FUNCTION rocksync.set_schedule(slug text, kind text, mode text, every interval DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    UPDATE rocksync.schedule s SET mode = set_schedule.mode, every = set_schedule.every
     WHERE s.tenant_id = t.id AND s.kind = set_schedule.kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown kind "%"', set_schedule.kind USING HINT = 'product, price, stock or order';
    END IF;
    -- also if it is as it was
    UPDATE rocksync.schedule s SET due_at = rocksync.due_as_set(s) WHERE s.tenant_id = t.id AND s.kind = set_schedule.kind;
    PERFORM pg_notify('rocksync', 'schedule ' || t.id || ' ' || set_schedule.kind);
    PERFORM rocksync.audited('schedule set', t.id, t.slug,
                             jsonb_build_object('kind', set_schedule.kind, 'mode', set_schedule.mode, 'every', set_schedule.every));
END $$;

UPDATE rocksync.schedule s SET due_at = clock_timestamp()
  FROM rocksync.tenant t
 WHERE t.id = s.tenant_id AND t.status = 'active' AND s.mode <> 'manual' AND s.due_at IS NULL;

-- A switch that was neither on nor off meant off. A limit that could not be read let nothing pass, and one of another name
-- everything; a number in quotation marks was one.
SELECT rocksync.audited('tenant set', t.id, t.slug, '{"unset": ["tell_orders"]}')
  FROM rocksync.tenant t WHERE jsonb_typeof(t.settings -> 'tell_orders') <> 'boolean';
UPDATE rocksync.tenant SET settings = settings - 'tell_orders'
 WHERE jsonb_typeof(settings -> 'tell_orders') <> 'boolean';
ALTER TABLE rocksync.tenant ADD CONSTRAINT tenant_setting_tell_orders_is_true_or_false
    CHECK (coalesce(jsonb_typeof(settings -> 'tell_orders'), 'boolean') = 'boolean');

DO $$
DECLARE
    unfit record;
BEGIN
    FOR unfit IN
        SELECT t.id, t.slug, t.settings -> 'gate' AS was, fit.gate
          FROM rocksync.tenant t
         CROSS JOIN LATERAL (
               SELECT CASE WHEN jsonb_typeof(t.settings -> 'gate') <> 'object'
                           THEN '{"max_zero_percent": 0, "max_price_change_percent": 0}'
                           ELSE (SELECT coalesce(jsonb_object_agg(l.name,
                                     CASE WHEN l.percent = 'null' OR (jsonb_typeof(l.percent) = 'number' AND l.percent >= '0') THEN l.percent
                                          WHEN l.percent #>> '{}' ~ '^\d{1,9}(\.\d{1,9})?$' THEN to_jsonb((l.percent #>> '{}')::numeric)
                                          ELSE '0' END), '{}')
                                   FROM jsonb_each(t.settings -> 'gate') AS l (name, percent)
                                  WHERE l.name IN ('max_zero_percent', 'max_price_change_percent')) END AS gate) fit
         WHERE t.settings -> 'gate' NOT IN (fit.gate, 'null')
    LOOP
        UPDATE rocksync.tenant SET settings = settings || jsonb_build_object('gate', unfit.gate) WHERE id = unfit.id;
        PERFORM rocksync.audited('tenant set', unfit.id, unfit.slug,
                                 jsonb_build_object('settings', '["gate"]'::jsonb, 'gate_was', unfit.was));
    END LOOP;
END $$;
ALTER TABLE rocksync.tenant
    ADD CONSTRAINT tenant_gate_has_max_zero_percent_or_max_price_change_percent
    CHECK (CASE jsonb_typeof(settings -> 'gate')
           WHEN 'object' THEN (settings -> 'gate') - '{max_zero_percent,max_price_change_percent}'::text[] = '{}'
           ELSE coalesce(settings -> 'gate', 'null') = 'null' END),
    ADD CONSTRAINT tenant_setting_gate_limits_are_numbers_from_0
    CHECK (NOT jsonb_path_exists(settings, 'strict $.gate.* ? (@.type() != "null" && (@.type() != "number" || @ < 0))', silent => true));

-- Whatever can be no name of a mapper, in a folder or installed, is none of one still: its tenant's items stay set aside.
DO $$
DECLARE
    unfit record;
BEGIN
    FOR unfit IN
        SELECT t.id, t.slug, t.mappers AS was,
               ARRAY(SELECT CASE WHEN m.name ~ '^[\w.-]+$' THEN m.name ELSE 'unknown-' || regexp_replace(m.name, '[^\w.-]', '_', 'g') END
                       FROM unnest(t.mappers) WITH ORDINALITY AS m (name, place) ORDER BY m.place) AS mappers
          FROM rocksync.tenant t
         WHERE EXISTS (SELECT FROM unnest(t.mappers) AS name WHERE name !~ '^[\w.-]+$')
    LOOP
        UPDATE rocksync.tenant SET mappers = unfit.mappers WHERE id = unfit.id;
        PERFORM rocksync.audited('tenant set', unfit.id, unfit.slug,
                                 jsonb_build_object('mappers', unfit.mappers, 'mappers_were', unfit.was));
    END LOOP;
END $$;
ALTER TABLE rocksync.tenant ADD CONSTRAINT tenant_mappers_are_of_letters_digits_underscores_dots_hyphens
    CHECK ('' <> ALL (mappers) AND array_to_string(mappers, '') ~ '^[\w.-]*$');

-- A view of which some columns can be updated had each SKU tried at every pass over orders, and refused in Postgres' log.
-- Views that are updated by an INSTEAD OF trigger or a rule need none for DELETE, which pg_column_is_updatable asks for.
CREATE FUNCTION rocksync.unwritable_stock() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}')
      FROM pg_attribute a, pg_relation_is_updatable('store.stock'::regclass, true) AS events
     WHERE a.attrelid = 'store.stock'::regclass AND a.attname IN ('on_hand', 'reserved', 'updated_at')
       AND (events & 4 = 0 OR (events & 16 <> 0 AND NOT pg_column_is_updatable(a.attrelid, a.attnum, true)))
$$;
COMMENT ON FUNCTION rocksync.unwritable_stock IS 'Columns of store.stock, a view, that would show what orders hold and cannot be updated; none: it is shown.';

CREATE OR REPLACE FUNCTION rocksync.settle(only_tenant bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n integer;
    of_none integer;
    each text;
BEGIN
    IF NOT EXISTS (SELECT FROM rocksync.reservation r WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted)
       AND NOT EXISTS (SELECT FROM rocksync.replaced_stock p WHERE p.tenant_id = only_tenant) THEN
        RETURN 0;
    END IF;
    -- what was never shown and is not to be shown
    UPDATE rocksync.reservation r SET settled = r.wanted
     WHERE (r.tenant_id, r.order_id, r.sku) IN (
           SELECT f.tenant_id, f.order_id, f.sku FROM rocksync.reservation f
            WHERE f.tenant_id = only_tenant AND f.settled = 'none' AND f.wanted = 'released'
              FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS of_none = ROW_COUNT;
    BEGIN
        LOCK TABLE store.stock IN ROW EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available OR wrong_object_type THEN
        RETURN of_none;
    END;
    IF rocksync.unwritable_stock() <> '{}' THEN
        RETURN of_none;
    END IF;
    WITH emptied AS (
        DELETE FROM rocksync.replaced_stock d
         WHERE d.ctid = ANY (ARRAY(SELECT c.ctid FROM rocksync.replaced_stock c
                                    WHERE c.tenant_id = only_tenant AND c.sku = '' FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    INSERT INTO rocksync.replaced_stock (tenant_id, sku)
    SELECT DISTINCT only_tenant, r.sku FROM rocksync.reservation r
     WHERE r.tenant_id = only_tenant AND r.settled = 'reserved' AND EXISTS (SELECT FROM emptied);
    -- A row that came in the place of one that showed them, and has less reserved than they are, shows none of them.
    WITH replaced AS (
        DELETE FROM rocksync.replaced_stock d
         WHERE d.ctid = ANY (ARRAY(SELECT c.ctid FROM rocksync.replaced_stock c
                                     JOIN store.stock s ON s.tenant_id = c.tenant_id AND s.sku = c.sku
                                    WHERE c.tenant_id = only_tenant FOR UPDATE OF c SKIP LOCKED))
        RETURNING d.sku),
    forgotten AS (
        SELECT s.sku
          FROM (SELECT DISTINCT sku FROM replaced) p
          JOIN store.stock s ON s.tenant_id = only_tenant AND s.sku = p.sku
          JOIN rocksync.reservation r ON r.tenant_id = only_tenant AND r.sku = s.sku AND r.settled = 'reserved'
         GROUP BY s.sku, s.reserved
        HAVING s.reserved < sum(r.quantity))
    UPDATE rocksync.reservation r SET settled = 'none'
      FROM forgotten f
     WHERE r.tenant_id = only_tenant AND r.sku = f.sku AND r.settled = 'reserved';
    -- What was replaced since that statement is left for later: whoever sees the new row sees that it is one, too.
    BEGIN
        n := rocksync.show_reservations(only_tenant, NULL);
    EXCEPTION WHEN OTHERS THEN -- each alone, and that which is refused at another time
        n := 0;
        FOR each IN SELECT DISTINCT r.sku FROM rocksync.reservation r
                     WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted ORDER BY r.sku LOOP
            BEGIN
                n := n + rocksync.show_reservations(only_tenant, each);
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'what orders hold of SKU % cannot be shown in store.stock: %', each, SQLERRM;
            END;
        END LOOP;
    END;
    RETURN n + of_none;
END $$;
