-- A price or stock pass that was asked for while its products were being created found them waiting, and the request was
-- over: what had changed since their payloads were read stayed unsent, where a kind runs on request only, until the next
-- request. The request now lasts until that is sent, or nothing is being created any more.
CREATE OR REPLACE FUNCTION rocksync.finish(only_tenant bigint, only_kind text, token bigint, complete boolean, reached boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    retry_at timestamptz;
    more     boolean := false;
    over     boolean := reached;
    unserved boolean := false;
    started  timestamptz;
BEGIN
    IF complete THEN
        -- First: what waits for a product is pending as soon as that is recorded, which is before its pass ends.
        unserved := only_kind IN ('price', 'stock')
            AND EXISTS (SELECT FROM rocksync.schedule s
                         WHERE s.tenant_id = only_tenant AND s.kind = only_kind AND s.requested_at IS NOT NULL)
            AND EXISTS (SELECT FROM rocksync.schedule s
                         WHERE s.tenant_id = only_tenant AND s.kind = 'product' AND s.leased_until > clock_timestamp())
            AND EXISTS (SELECT FROM rocksync.item i
                         WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'skipped' AND i.reason = 'pending');
        SELECT min(i.next_attempt_at) INTO retry_at FROM rocksync.item i
         WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'pending';
        SELECT EXISTS (SELECT FROM rocksync.change c WHERE c.tenant_id = only_tenant AND c.kind = only_kind) INTO more;
        over := over OR retry_at IS NULL;
        unserved := unserved OR coalesce(retry_at <= clock_timestamp(), false);
    END IF;
    UPDATE rocksync.schedule s
       SET lease_worker = NULL, leased_until = NULL, backoff_until = NULL,
           failures = CASE WHEN over THEN 0 ELSE s.failures END, failure = CASE WHEN NOT over THEN s.failure END,
           failure_reason = CASE WHEN NOT over THEN s.failure_reason END,
           last_completed_at = CASE WHEN complete THEN clock_timestamp() ELSE s.last_completed_at END,
           requested_at = CASE WHEN complete AND NOT unserved AND s.requested_at <= s.last_started_at THEN NULL
                               ELSE s.requested_at END,
           due_at = CASE
               WHEN s.due_at IS NULL THEN NULL -- the tenant was paused or stopped meanwhile
               WHEN NOT complete THEN clock_timestamp()
               WHEN s.requested_at > s.last_started_at THEN clock_timestamp()
               WHEN s.requested_at IS NOT NULL AND unserved THEN clock_timestamp() + interval '1 second'
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
