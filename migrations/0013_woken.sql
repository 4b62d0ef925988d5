-- What is asked of a kind while a pass of it runs is not lost when that pass ends: a mapper or settings that changed, a
-- release, a product that was created. The pass may have read its items before.

-- Give a lease back after a pass, or a slice of one, that went well. Earlier failures are over when the hub was reached, or
-- nothing waits for it any more: a pass that found nothing due, because all of it waits for a retry, tells nothing.
CREATE OR REPLACE FUNCTION rocksync.finish(only_tenant bigint, only_kind text, token bigint, complete boolean, reached boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    retry_at timestamptz;
    more     boolean := false;
    over     boolean := reached;
    started  timestamptz;
BEGIN
    IF complete THEN
        SELECT min(i.next_attempt_at) INTO retry_at FROM rocksync.item i
         WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'pending';
        SELECT EXISTS (SELECT FROM rocksync.change c WHERE c.tenant_id = only_tenant AND c.kind = only_kind) INTO more;
        over := over OR retry_at IS NULL;
    END IF;
    UPDATE rocksync.schedule s
       SET lease_worker = NULL, leased_until = NULL, backoff_until = NULL,
           failures = CASE WHEN over THEN 0 ELSE s.failures END, failure = CASE WHEN NOT over THEN s.failure END,
           failure_reason = CASE WHEN NOT over THEN s.failure_reason END,
           last_completed_at = CASE WHEN complete THEN clock_timestamp() ELSE s.last_completed_at END,
           requested_at = CASE WHEN complete AND s.requested_at <= s.last_started_at THEN NULL ELSE s.requested_at END,
           due_at = CASE
               WHEN s.due_at IS NULL THEN NULL -- the tenant was paused or stopped meanwhile
               WHEN NOT complete THEN clock_timestamp()
               WHEN s.requested_at > s.last_started_at THEN clock_timestamp()
               WHEN s.mode = 'manual' THEN NULL
               WHEN s.due_at > s.last_started_at THEN clock_timestamp() -- asked for since it began, which may have been too late
               WHEN s.mode = 'immediate' AND more THEN clock_timestamp()
               ELSE greatest(clock_timestamp(),
                             least(s.last_started_at + coalesce(s.every, d.every),
                                   CASE WHEN retry_at IS NOT NULL THEN greatest(retry_at, clock_timestamp() + interval '1 second') END))
               END
      FROM rocksync.default_interval d
     WHERE d.kind = s.kind AND s.tenant_id = only_tenant AND s.kind = only_kind AND s.lease_token = token
    RETURNING s.last_started_at INTO started;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF only_kind = 'product' THEN
        -- What was created with its price and stock is looked at by their passes now, not at their next interval.
        UPDATE rocksync.schedule s SET due_at = clock_timestamp()
         WHERE s.tenant_id = only_tenant AND s.kind IN ('price', 'stock') AND s.mode <> 'manual'
           AND s.due_at IS NOT NULL AND (s.due_at > clock_timestamp() OR s.lease_worker IS NOT NULL)
           AND EXISTS (SELECT FROM rocksync.item i
                        WHERE i.tenant_id = only_tenant AND i.kind = s.kind AND i.state = 'pending'
                          AND i.accepted_at >= started);
    END IF;
    RETURN true;
END $$;

-- The schedule follows the tenant: nothing is due for one that is not active.
CREATE OR REPLACE FUNCTION rocksync.tenant_written() RETURNS trigger
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
        UPDATE rocksync.schedule s
           SET due_at = CASE WHEN s.lease_worker IS NULL THEN least(s.due_at, clock_timestamp()) ELSE clock_timestamp() END
         WHERE s.tenant_id = NEW.id AND s.mode <> 'manual';
    END IF;
    PERFORM pg_notify('rocksync', 'tenant ' || NEW.id);
    RETURN NULL;
END $$;

-- Let a kind run now, unless it runs on request only.
CREATE OR REPLACE FUNCTION rocksync.hurry(only_tenant bigint, kinds text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE rocksync.schedule s
       SET due_at = clock_timestamp()
      FROM rocksync.tenant t
     WHERE t.id = s.tenant_id AND t.status = 'active' AND s.tenant_id = only_tenant AND s.kind = ANY (kinds)
       AND (s.mode <> 'manual' OR s.requested_at IS NOT NULL)
       AND (s.due_at IS NULL OR s.due_at > clock_timestamp() OR s.lease_worker IS NOT NULL)
$$;

-- A draft is served as little as one that is paused, and has no code of its own among the reasons.
CREATE OR REPLACE FUNCTION rocksync.cause(
    status text, is_paused boolean, failure_reason text, pending bigint, waits_for_request boolean, reason text,
    quarantine_reason text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN status = 'draft' THEN 'tenant_paused'
                WHEN status = 'paused' THEN 'tenant_paused'
                WHEN status = 'needs_credentials' THEN 'needs_credentials'
                WHEN is_paused THEN 'tenant_paused'
                WHEN failure_reason IS NOT NULL THEN failure_reason
                WHEN pending = 0 THEN coalesce(quarantine_reason, 'in_sync')
                WHEN waits_for_request THEN 'kind_manual'
                ELSE coalesce(reason, 'pending') END
$$;
COMMENT ON FUNCTION rocksync.cause IS 'Reason code of a tenant and kind.';

-- By SQL as by command: somebody else has to know why nothing runs.
CREATE OR REPLACE FUNCTION rocksync.pause_tenant(slug text, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    IF t.status = 'draft' THEN
        RAISE EXCEPTION 'tenant "%" is a draft: nothing runs that could be paused', t.slug;
    END IF;
    IF coalesce(pause_tenant.reason, '') !~ '\S' THEN
        RAISE EXCEPTION 'a pause needs a reason' USING HINT = 'say who paused it and why: status shows it';
    END IF;
    UPDATE rocksync.tenant SET status = 'paused', status_reason = pause_tenant.reason WHERE id = t.id;
    PERFORM rocksync.audited('tenant pause', t.id, t.slug, jsonb_build_object('reason', pause_tenant.reason));
END $$;

CREATE OR REPLACE FUNCTION rocksync.resume_tenant(slug text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    IF t.status = 'draft' THEN
        RAISE EXCEPTION 'tenant "%" is a draft', t.slug USING HINT = 'rocksync tenant activate ' || t.slug;
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
