-- What is written into tables by SQL meets the rules of the calls and commands, and counts as soon.

CREATE FUNCTION rocksync.due_now(s rocksync.schedule) RETURNS timestamptz
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN s.lease_worker IS NULL THEN least(s.due_at, clock_timestamp()) ELSE clock_timestamp() END
$$;
COMMENT ON FUNCTION rocksync.due_now IS 'When a kind is due that is to run now: what is overdue keeps its place, what runs is to run once more.';

-- A schedule that was written by SQL had its kind run at the interval it had before, and one that was manual until then never.
CREATE FUNCTION rocksync.due_as_set(s rocksync.schedule) RETURNS timestamptz
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN s.mode <> 'manual' OR s.requested_at IS NOT NULL THEN rocksync.due_now(s) END
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
