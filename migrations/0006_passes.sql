-- What workers call around a pass: fold changes into items, finish or give back a lease.

-- Fold up to max_changes committed changes into items, one item for each key, keeping the oldest change. Says whether
-- the lease is still held (nothing is done without it), how many changes were folded, and whether anything is due. Where
-- nothing is, the lease is given back at once if that is asked for: most passes are like that.
CREATE FUNCTION rocksync.fold(
    only_tenant bigint, only_kind text, token bigint, max_changes integer, give_back boolean,
    OUT held boolean, OUT folded bigint, OUT deliverable boolean, OUT given_back boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    folded := 0;
    deliverable := false;
    given_back := false;
    PERFORM FROM rocksync.schedule s
      WHERE s.tenant_id = only_tenant AND s.kind = only_kind AND s.lease_token = token FOR SHARE;
    held := FOUND;
    IF NOT held THEN
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true); -- a crash of the server undoes taking and marking together
    WITH taken AS (
        DELETE FROM rocksync.change c
         WHERE c.ctid = ANY (ARRAY(SELECT d.ctid FROM rocksync.change d
                                    WHERE d.tenant_id = only_tenant AND d.kind = only_kind
                                    ORDER BY d.changed_at LIMIT max_changes FOR UPDATE SKIP LOCKED))
        RETURNING c.key, c.changed_at),
    marked AS (
        INSERT INTO rocksync.item AS i (tenant_id, kind, key, state, reason, changed_at)
        SELECT only_tenant, only_kind, t.key, 'pending', 'pending', min(t.changed_at) FROM taken t GROUP BY t.key
        ON CONFLICT (tenant_id, kind, key) DO UPDATE
           SET state = 'pending', reason = 'pending', detail = NULL, revision = i.revision + 1, attempts = 0,
               changed_at = least(coalesce(i.changed_at, excluded.changed_at), excluded.changed_at),
               next_attempt_at = now())
    SELECT count(*) INTO folded FROM taken;
    SELECT EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = only_tenant AND i.kind = only_kind AND i.state = 'pending'
                      AND i.next_attempt_at <= clock_timestamp()) INTO deliverable;
    IF give_back AND NOT deliverable AND folded < max_changes THEN
        given_back := rocksync.finish(only_tenant, only_kind, token, true, false);
    END IF;
END $$;
COMMENT ON FUNCTION rocksync.fold IS 'Workers only: turn committed changes of one tenant and kind into pending items.';

-- Give a lease back after a pass, or a slice of one, that went well. Earlier failures are over when the hub was reached, or
-- nothing waits for it any more: a pass that found nothing due, because all of it waits for a retry, tells nothing.
CREATE FUNCTION rocksync.finish(only_tenant bigint, only_kind text, token bigint, complete boolean, reached boolean) RETURNS boolean
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
           AND s.due_at > clock_timestamp()
           AND EXISTS (SELECT FROM rocksync.item i
                        WHERE i.tenant_id = only_tenant AND i.kind = s.kind AND i.state = 'pending'
                          AND i.accepted_at >= started);
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION rocksync.finish IS 'Workers only: give a lease back; false when it was lost.';

-- Give a lease back after a pass that failed; the next one waits for the backoff, and no item is blamed.
CREATE FUNCTION rocksync.fail(
    only_tenant bigint, only_kind text, token bigint, backoff interval, because text, why text, doubtful boolean)
RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE rocksync.schedule s
       SET lease_worker = NULL, leased_until = NULL, failures = s.failures + 1, in_doubt = s.in_doubt OR doubtful,
           backoff_until = clock_timestamp() + backoff, failure_reason = because, failure = why
     WHERE s.tenant_id = only_tenant AND s.kind = only_kind AND s.lease_token = token;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION rocksync.fail IS
    'Workers only: give a lease back after a failure; doubtful: not all deliveries are recorded. False when it was lost.';
