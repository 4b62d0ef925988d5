-- Where there are many of all.

-- Orders of no interest are deleted after a month; what said that they are none had stayed.
DELETE FROM rocksync.item i
 WHERE i.kind = 'order' AND i.state = 'skipped' AND i.accepted_at IS NULL AND i.next_attempt_at < now() - interval '30 days'
   AND NOT EXISTS (SELECT FROM rocksync.hub_order o WHERE o.tenant_id = i.tenant_id AND o.id = i.key);

-- Where more is due than workers come to, what matters most begins first for as long as a backlog of all tenants lasts: orders,
-- whose passes are short, then stock, as overselling is worse than an old price. Nothing waits for ever: a head start is overcome
-- by who waits longer than that. A pass that goes on has had its turn: no price or product that begins waits for the thousands
-- of stocks that others have, only for orders. What is to be sent at once does not queue behind what others have by the interval.
-- And as a pass takes up to half a minute, workers keep slots that only orders and what is to be sent at once get.
DROP INDEX rocksync.schedule_due;
CREATE INDEX schedule_due ON rocksync.schedule (kind, (mode = 'immediate'), due_at) WHERE due_at IS NOT NULL;

DROP FUNCTION rocksync.claim(text, integer, interval, bigint[], text[]);
CREATE FUNCTION rocksync.claim(worker text, slots integer, lease interval, only_tenants bigint[], only_kinds text[], long_slots integer DEFAULT NULL)
RETURNS SETOF rocksync.schedule
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET enable_bitmapscan = off SET enable_seqscan = off SET jit = off -- an index scan passes over what it once found dead
    SET plan_cache_mode = force_generic_plan AS $$ -- planning takes longer than the rest
DECLARE
    moment timestamptz; -- a volatile function in its place would have every schedule read instead of those that are due
BEGIN
    PERFORM pg_advisory_xact_lock(7265710, 1);
    moment := clock_timestamp();
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT d.tenant_id, d.kind, k.kind <> 'order' AND NOT m.at_once AS is_long,
               d.due_at - CASE WHEN l.goes_on THEN k.going_on
                               WHEN m.at_once THEN k.head_start + interval '50 minutes' ELSE k.head_start END AS turn
          FROM (VALUES ('order', interval '2 hours', interval '110 minutes'), ('stock', interval '1 hour', interval '15 seconds'),
                       ('price', interval '20 minutes', interval '0'), ('product', interval '10 minutes', interval '0'))
               AS k (kind, head_start, going_on)
         CROSS JOIN (VALUES (false), (true)) AS m (at_once)
         CROSS JOIN (VALUES (false), (true)) AS l (goes_on)
         CROSS JOIN LATERAL (
               SELECT s.tenant_id, s.kind, s.due_at
                 FROM rocksync.schedule s
                WHERE s.kind = k.kind
                  AND (s.mode = 'immediate') = m.at_once
                  AND s.due_at <= moment
                  AND (s.last_started_at > coalesce(s.last_completed_at, '-infinity')
                       AND s.lease_worker IS NULL AND s.failures = 0) IS TRUE = l.goes_on
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
                LIMIT CASE WHEN k.kind <> 'order' AND NOT m.at_once THEN least(slots, long_slots) ELSE slots END
                  FOR NO KEY UPDATE OF s SKIP LOCKED) d),
    placed AS (
        SELECT due.tenant_id, due.kind, due.turn, due.is_long,
               row_number() OVER (PARTITION BY due.is_long ORDER BY due.turn, due.tenant_id) AS place
          FROM due),
    chosen AS (
        SELECT placed.tenant_id, placed.kind
          FROM placed
         WHERE NOT placed.is_long OR placed.place <= least(slots, long_slots)
         ORDER BY placed.turn, placed.tenant_id
         LIMIT slots)
    UPDATE rocksync.schedule s
       SET lease_worker = claim.worker, lease_token = s.lease_token + 1,
           in_doubt = s.in_doubt OR s.lease_worker IS NOT NULL, -- whoever had it did not give it back
           leased_until = clock_timestamp() + lease, last_started_at = clock_timestamp()
      FROM chosen
     WHERE s.tenant_id = chosen.tenant_id AND s.kind = chosen.kind
    RETURNING s.*;
END $$;

-- Who asks for what is overdue already does not put it at the end of the queue: asked for again and again, it had never run.
CREATE OR REPLACE FUNCTION rocksync.request_sync(slug text, kind text) RETURNS void
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
       SET requested_at = clock_timestamp(), backoff_until = NULL,
           due_at = rocksync.due_now(s)
     WHERE s.tenant_id = t.id AND s.kind = request_sync.kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown kind "%"', request_sync.kind USING HINT = 'product, price, stock or order';
    END IF;
    PERFORM pg_notify('rocksync', 'schedule ' || t.id || ' ' || request_sync.kind);
    PERFORM rocksync.audited('sync', t.id, t.slug, jsonb_build_object('kind', request_sync.kind));
END $$;

-- The time of a pause is no time waited: kinds that were paused would come before the orders of all others.
CREATE OR REPLACE FUNCTION rocksync.resume_tenant(slug text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
    kinds text[] := ARRAY(SELECT s.kind FROM rocksync.schedule s
                           WHERE s.tenant_id = t.id AND s.paused_until > clock_timestamp() ORDER BY s.kind);
BEGIN
    IF t.status = 'draft' THEN
        RAISE EXCEPTION 'tenant "%" is a draft', t.slug USING HINT = 'rocksync tenant activate ' || t.slug;
    END IF;
    IF t.status <> 'active' THEN
        UPDATE rocksync.tenant SET status = 'active' WHERE id = t.id;
        IF kinds <> '{}' THEN
            RAISE NOTICE 'paused apart, and still so: %', array_to_string(kinds, ', ')
                  USING HINT = format('SELECT rocksync.resume_tenant(%L) once more resumes these too', t.slug);
        END IF;
        PERFORM rocksync.audited('tenant resume', t.id, t.slug);
    ELSE
        UPDATE rocksync.schedule s
           SET due_at = CASE WHEN s.paused_until IS NULL THEN rocksync.due_now(s) ELSE clock_timestamp() END,
               backoff_until = NULL
         WHERE s.tenant_id = t.id AND (s.mode <> 'manual' OR s.requested_at IS NOT NULL);
        UPDATE rocksync.schedule s SET paused_until = NULL, paused_reason = NULL
         WHERE s.tenant_id = t.id AND s.paused_until IS NOT NULL;
        PERFORM pg_notify('rocksync', 'tenant ' || t.id);
        PERFORM rocksync.audited('tenant resume', t.id, t.slug,
                                 CASE WHEN kinds = '{}' THEN '{}' ELSE jsonb_build_object('kinds', kinds) END);
    END IF;
END $$;
