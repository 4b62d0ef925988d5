-- What operators call by SQL, and how workers claim passes.

-- The schedule follows the tenant: nothing is due for one that is not active.
CREATE FUNCTION rocksync.tenant_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO rocksync.schedule (tenant_id, kind)
        SELECT NEW.id, kind FROM unnest(ARRAY['product', 'price', 'stock', 'order']) AS kind;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.status IS DISTINCT FROM OLD.status THEN
        UPDATE rocksync.schedule s
           SET due_at = CASE WHEN NEW.status = 'active' AND (s.mode <> 'manual' OR s.requested_at IS NOT NULL)
                             THEN clock_timestamp() END,
               backoff_until = NULL, failures = 0, failure = NULL, failure_reason = NULL
         WHERE s.tenant_id = NEW.id;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.status = 'active'
       AND (NEW.mappers, NEW.settings) IS DISTINCT FROM (OLD.mappers, OLD.settings) THEN
        UPDATE rocksync.schedule s SET due_at = least(s.due_at, clock_timestamp())
         WHERE s.tenant_id = NEW.id AND s.mode <> 'manual';
    END IF;
    PERFORM pg_notify('rocksync', 'tenant ' || NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER written AFTER INSERT OR UPDATE ON rocksync.tenant
    FOR EACH ROW EXECUTE FUNCTION rocksync.tenant_written();

CREATE FUNCTION rocksync.tenant_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.mappers, NEW.settings) IS DISTINCT FROM (OLD.mappers, OLD.settings) THEN
        NEW.revision := OLD.revision + 1;
    END IF;
    IF NEW.status = 'active' AND NEW.activated_at IS NULL THEN
        NEW.activated_at := clock_timestamp();
    END IF;
    IF NEW.status = 'active' AND NEW.orders_since IS NULL THEN
        NEW.orders_since := clock_timestamp();
    END IF;
    IF NEW.status <> 'paused' THEN
        NEW.paused_until := NULL;
    END IF;
    IF NEW.status IN ('active', 'draft') THEN
        NEW.status_reason := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER before_write BEFORE UPDATE ON rocksync.tenant
    FOR EACH ROW EXECUTE FUNCTION rocksync.tenant_before_write();

CREATE FUNCTION rocksync.tell_credentials() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('rocksync', 'credentials');
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON rocksync.credential_inbox
    FOR EACH STATEMENT EXECUTE FUNCTION rocksync.tell_credentials();

CREATE FUNCTION rocksync.audited(action text, tenant_id bigint, slug text, what jsonb DEFAULT '{}') RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO rocksync.audit (who, action, tenant_id, slug, what)
    VALUES (coalesce(nullif(current_setting('rocksync.operator', true), ''), session_user), action, tenant_id, slug, what)
$$;
COMMENT ON FUNCTION rocksync.audited IS 'Write the audit table; who is the setting rocksync.operator, else the database user.';

CREATE FUNCTION rocksync.tenant_of(slug text) RETURNS rocksync.tenant
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant;
BEGIN
    SELECT * INTO t FROM rocksync.tenant n WHERE n.slug = tenant_of.slug;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no tenant "%"', tenant_of.slug
              USING ERRCODE = 'no_data_found', HINT = 'SELECT slug FROM rocksync.tenant lists them';
    END IF;
    RETURN t;
END $$;

CREATE FUNCTION rocksync.add_tenant(
    slug text, name text, domain text, client_id text, client_secret text, api_user text, api_secret text,
    mappers text[] DEFAULT '{}', settings jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id bigint;
BEGIN
    INSERT INTO rocksync.tenant AS t (slug, name, domain, mappers, settings)
    VALUES (add_tenant.slug, add_tenant.name, add_tenant.domain, coalesce(add_tenant.mappers, '{}'),
            coalesce(add_tenant.settings, '{}'))
    RETURNING t.id INTO id;
    INSERT INTO rocksync.credential_inbox (tenant_id, client_id, client_secret, api_user, api_secret)
    VALUES (id, add_tenant.client_id, add_tenant.client_secret, add_tenant.api_user, add_tenant.api_secret);
    PERFORM rocksync.audited('tenant add', id, add_tenant.slug,
                             jsonb_build_object('name', add_tenant.name, 'domain', add_tenant.domain));
    RETURN id;
END $$;
COMMENT ON FUNCTION rocksync.add_tenant IS
    'Onboard a draft tenant; returns its id. A running worker seals the credentials within seconds. Safer: hand in what "rocksync secrets seal" prints.';

CREATE FUNCTION rocksync.activate_tenant(slug text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    IF NOT EXISTS (SELECT FROM rocksync.credential c WHERE c.tenant_id = t.id)
       AND NOT EXISTS (SELECT FROM rocksync.credential_inbox c WHERE c.tenant_id = t.id) THEN
        RAISE EXCEPTION 'tenant "%" has no credentials', t.slug
              USING HINT = 'rocksync tenant credentials ' || t.slug;
    END IF;
    UPDATE rocksync.tenant SET status = 'active' WHERE id = t.id;
    PERFORM rocksync.mark_all(t.id, ARRAY['product', 'price', 'stock']);
    PERFORM rocksync.audited('tenant activate', t.id, t.slug);
END $$;
COMMENT ON FUNCTION rocksync.activate_tenant IS 'Start serving a tenant: its whole catalogue is exported, its orders from now on imported.';

CREATE FUNCTION rocksync.pause_tenant(slug text, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    IF t.status = 'draft' THEN
        RAISE EXCEPTION 'tenant "%" is a draft: nothing runs that could be paused', t.slug;
    END IF;
    UPDATE rocksync.tenant SET status = 'paused', status_reason = pause_tenant.reason WHERE id = t.id;
    PERFORM rocksync.audited('tenant pause', t.id, t.slug, jsonb_build_object('reason', pause_tenant.reason));
END $$;
COMMENT ON FUNCTION rocksync.pause_tenant IS 'Stop serving a tenant; its changes are kept and delivered after resume_tenant.';

CREATE FUNCTION rocksync.resume_tenant(slug text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    IF t.status = 'draft' THEN
        RAISE EXCEPTION 'tenant "%" is a draft', t.slug USING HINT = 'SELECT rocksync.activate_tenant(slug)';
    END IF;
    UPDATE rocksync.schedule s SET paused_until = NULL, paused_reason = NULL
     WHERE s.tenant_id = t.id AND s.paused_until IS NOT NULL;
    IF t.status <> 'active' THEN
        UPDATE rocksync.tenant SET status = 'active' WHERE id = t.id;
    ELSE
        UPDATE rocksync.schedule s SET due_at = clock_timestamp(), backoff_until = NULL
         WHERE s.tenant_id = t.id AND (s.mode <> 'manual' OR s.requested_at IS NOT NULL);
        PERFORM pg_notify('rocksync', 'tenant ' || t.id);
    END IF;
    PERFORM rocksync.audited('tenant resume', t.id, t.slug);
END $$;
COMMENT ON FUNCTION rocksync.resume_tenant IS 'Serve a paused tenant, or one that needed credentials, again.';

CREATE FUNCTION rocksync.set_schedule(slug text, kind text, mode text, every interval DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    UPDATE rocksync.schedule s
       SET mode = set_schedule.mode, every = set_schedule.every,
           due_at = CASE WHEN t.status <> 'active' THEN NULL
                         WHEN set_schedule.mode <> 'manual' OR s.requested_at IS NOT NULL THEN clock_timestamp() END
     WHERE s.tenant_id = t.id AND s.kind = set_schedule.kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown kind "%"', set_schedule.kind USING HINT = 'product, price, stock or order';
    END IF;
    PERFORM pg_notify('rocksync', 'schedule ' || t.id || ' ' || set_schedule.kind);
    PERFORM rocksync.audited('schedule set', t.id, t.slug,
                             jsonb_build_object('kind', set_schedule.kind, 'mode', set_schedule.mode, 'every', set_schedule.every));
END $$;
COMMENT ON FUNCTION rocksync.set_schedule IS 'mode automatic, manual or immediate; every null: the default interval.';

CREATE FUNCTION rocksync.request_sync(slug text, kind text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    IF t.status <> 'active' THEN
        RAISE EXCEPTION 'tenant "%" is not active but %', t.slug, t.status
              USING HINT = CASE t.status WHEN 'draft' THEN 'rocksync tenant activate ' || t.slug
                                         WHEN 'paused' THEN 'rocksync tenant resume ' || t.slug
                                         ELSE 'rocksync tenant credentials ' || t.slug END;
    END IF;
    UPDATE rocksync.schedule s
       SET requested_at = clock_timestamp(), due_at = clock_timestamp(), backoff_until = NULL
     WHERE s.tenant_id = t.id AND s.kind = request_sync.kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown kind "%"', request_sync.kind USING HINT = 'product, price, stock or order';
    END IF;
    PERFORM pg_notify('rocksync', 'schedule ' || t.id || ' ' || request_sync.kind);
    PERFORM rocksync.audited('sync', t.id, t.slug, jsonb_build_object('kind', request_sync.kind));
END $$;
COMMENT ON FUNCTION rocksync.request_sync IS 'Run one kind of a tenant now, whatever its mode.';

-- Claim up to slots due passes for a worker. One claim at a time in the whole database (the lock is held for the one
-- statement), so a tenant is served by one worker at a time: its rate limit, its token and its resources are that
-- worker's alone. Oldest due first, orders and stock with a head start that waiting always overcomes.
CREATE FUNCTION rocksync.claim(worker text, slots integer, lease interval, only_tenants bigint[], only_kinds text[])
RETURNS SETOF rocksync.schedule
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$ -- planning takes longer than the rest
DECLARE
    moment timestamptz; -- a volatile function in its place would have every schedule read instead of those that are due
BEGIN
    PERFORM pg_advisory_xact_lock(7265710, 1);
    moment := clock_timestamp();
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT d.tenant_id, d.kind
          FROM (VALUES ('order', interval '30 seconds'), ('stock', interval '15 seconds'),
                       ('price', interval '0'), ('product', interval '0')) AS k (kind, head_start)
         CROSS JOIN LATERAL (
               SELECT s.tenant_id, s.kind, s.due_at
                 FROM rocksync.schedule s
                WHERE s.kind = k.kind
                  AND s.due_at <= moment
                  AND (s.leased_until IS NULL OR s.leased_until <= moment)
                  AND (s.backoff_until IS NULL OR s.backoff_until <= moment)
                  AND (s.paused_until IS NULL OR s.paused_until <= moment)
                  AND (only_tenants IS NULL OR s.tenant_id = ANY (only_tenants))
                  AND (only_kinds IS NULL OR s.kind = ANY (only_kinds))
                  AND EXISTS (SELECT FROM rocksync.tenant t WHERE t.id = s.tenant_id AND t.status = 'active')
                  AND EXISTS (SELECT FROM rocksync.credential c WHERE c.tenant_id = s.tenant_id)
                  AND NOT EXISTS (SELECT FROM rocksync.schedule o
                                   WHERE o.tenant_id = s.tenant_id AND o.lease_worker <> claim.worker
                                     AND o.leased_until > moment)
                ORDER BY s.due_at
                LIMIT slots
                  FOR NO KEY UPDATE OF s SKIP LOCKED) d
         ORDER BY d.due_at - k.head_start, d.tenant_id
         LIMIT slots)
    UPDATE rocksync.schedule s
       SET lease_worker = claim.worker, lease_token = s.lease_token + 1,
           in_doubt = s.in_doubt OR s.lease_worker IS NOT NULL, -- whoever had it did not give it back
           leased_until = clock_timestamp() + lease, last_started_at = clock_timestamp()
      FROM due
     WHERE s.tenant_id = due.tenant_id AND s.kind = due.kind
    RETURNING s.*;
END $$;
COMMENT ON FUNCTION rocksync.claim IS 'Workers only: lease due passes.';

-- Every write of a pass begins with this: no other worker can take the pass over before the transaction ends. Nothing
-- in that transaction waits long for a lock, so nobody who holds one for long can stop a worker.
CREATE FUNCTION rocksync.hold_lease(tenant_id bigint, kind text, token bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', '5s', true), set_config('rocksync.writer', 'worker', true);
    IF kind <> 'order' THEN -- what a crash of the server may lose of these is delivered once more, and does no harm
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    PERFORM FROM rocksync.schedule s
      WHERE s.tenant_id = hold_lease.tenant_id AND s.kind = hold_lease.kind AND s.lease_token = hold_lease.token
        FOR SHARE;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION rocksync.hold_lease IS 'Workers only: whether the token still proves the lease; it does until the transaction ends.';

CREATE VIEW rocksync.lag AS
SELECT t.slug AS tenant, s.kind,
       CASE WHEN t.status = 'draft' THEN 0
            ELSE coalesce(greatest(extract(epoch FROM clock_timestamp() - least(i.oldest, c.oldest)), 0), 0)
       END::double precision AS lag_s,
       CASE WHEN t.status = 'draft' THEN NULL
            ELSE extract(epoch FROM clock_timestamp() - coalesce(s.last_completed_at, t.activated_at)) END::double precision AS staleness_s,
       coalesce(i.items, 0) + coalesce(c.items, 0) AS pending,
       coalesce(q.items, 0) AS quarantined,
       CASE WHEN t.status = 'draft' THEN 'draft'
            WHEN t.status = 'paused' THEN 'tenant_paused'
            WHEN t.status = 'needs_credentials' THEN 'needs_credentials'
            WHEN s.paused_until > clock_timestamp() THEN 'tenant_paused'
            WHEN s.failure_reason IS NOT NULL THEN s.failure_reason
            WHEN coalesce(i.items, 0) + coalesce(c.items, 0) = 0 THEN 'in_sync'
            WHEN s.mode = 'manual' AND s.requested_at IS NULL THEN 'kind_manual'
            ELSE coalesce(i.reason, 'pending') END AS cause
  FROM rocksync.tenant t
  JOIN rocksync.schedule s ON s.tenant_id = t.id
  LEFT JOIN LATERAL (SELECT min(i.changed_at) AS oldest, count(*) AS items, min(i.reason) AS reason FROM rocksync.item i
                      WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'pending') i ON true
  LEFT JOIN LATERAL (SELECT min(c.changed_at) AS oldest, count(DISTINCT c.key) AS items FROM rocksync.change c
                      WHERE c.tenant_id = s.tenant_id AND c.kind = s.kind) c ON true
  LEFT JOIN LATERAL (SELECT count(*) AS items FROM rocksync.item i
                      WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'quarantined') q ON true;
COMMENT ON VIEW rocksync.lag IS
    'For each tenant and kind: lag_s, the age in seconds of the oldest change not yet delivered; staleness_s, since the last complete pass; pending and quarantined items; and a reason code for the lag.';

-- Settle reservations into store.stock, as far as it is free: a row, or the table, that somebody has locked is left for
-- later. Where the platform shows its own stock in a view that cannot be written, the reservations stay as they are.
CREATE FUNCTION rocksync.settle(only_tenant bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n integer;
    of_none integer;
BEGIN
    IF NOT EXISTS (SELECT FROM rocksync.reservation r WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted) THEN
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
    IF pg_relation_is_updatable('store.stock'::regclass, true) & 4 = 0 THEN
        RETURN of_none;
    END IF;
    WITH due AS MATERIALIZED (
        SELECT r.order_id, r.sku, r.quantity, r.settled, r.wanted
          FROM rocksync.reservation r JOIN store.stock s ON s.tenant_id = r.tenant_id AND s.sku = r.sku
         WHERE r.tenant_id = only_tenant AND r.settled <> r.wanted
         ORDER BY r.sku
           FOR UPDATE OF r, s SKIP LOCKED),
    moved AS (
        SELECT due.sku,
               sum(CASE wanted WHEN 'reserved' THEN quantity ELSE 0 END - CASE settled WHEN 'reserved' THEN quantity ELSE 0 END) AS reserved,
               sum(CASE wanted WHEN 'taken' THEN -quantity ELSE 0 END - CASE settled WHEN 'taken' THEN -quantity ELSE 0 END) AS on_hand
          FROM due GROUP BY due.sku),
    shown AS (
        UPDATE store.stock s -- absurd quantities end at the bounds of an integer: one order must not stop all
           SET reserved = least(greatest(s.reserved + moved.reserved, 0), 2147483647),
               on_hand = least(greatest(s.on_hand + moved.on_hand, -2147483648), 2147483647), updated_at = now()
          FROM moved
         WHERE s.tenant_id = only_tenant AND s.sku = moved.sku)
    UPDATE rocksync.reservation r SET settled = r.wanted
      FROM due WHERE r.tenant_id = only_tenant AND r.order_id = due.order_id AND r.sku = due.sku;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n + of_none;
END $$;
COMMENT ON FUNCTION rocksync.settle IS 'Workers only: bring store.stock in line with a tenant''s reservations; returns how many were settled.';
