-- All tenants at once: for metrics and status. What is read grows with tenants, never with items that are well.

-- name: standings
-- For each kind one row over all tenants (slug null), and the kinds of the worst tenants by lag.
-- $1 tenants int
WITH standing AS MATERIALIZED (
    SELECT t.id, t.slug, t.status, s.kind, s.mode, coalesce(s.every, d.every) AS every,
           coalesce(s.last_completed_at, t.activated_at) AS completed_at,
           CASE WHEN t.status <> 'draft' THEN least(i.oldest, c.oldest) END AS oldest_at,
           t.status = 'active' AND s.mode <> 'manual' AND coalesce(s.paused_until <= clock_timestamp(), true) AS scheduled
      FROM rocksync.tenant t
      JOIN rocksync.schedule s ON s.tenant_id = t.id
      JOIN rocksync.default_interval d ON d.kind = s.kind
      LEFT JOIN LATERAL (SELECT i.changed_at AS oldest FROM rocksync.item i
                          WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'pending'
                          ORDER BY i.changed_at LIMIT 1) i ON true
      LEFT JOIN LATERAL (SELECT c.changed_at AS oldest FROM rocksync.change c
                          WHERE c.tenant_id = s.tenant_id AND c.kind = s.kind
                          ORDER BY c.changed_at LIMIT 1) c ON true),
worst AS (
    SELECT id FROM standing GROUP BY id ORDER BY min(oldest_at), id LIMIT $1)
SELECT NULL::bigint AS id, NULL AS slug, NULL AS status, kind, NULL::interval AS every, NULL::timestamptz AS completed_at,
       min(oldest_at) AS oldest_at,
       array_agg(extract(epoch FROM oldest_at + 2 * every)::double precision ORDER BY oldest_at + 2 * every)
           FILTER (WHERE oldest_at IS NOT NULL AND mode <> 'manual') AS behind_at,
       NULL::boolean AS scheduled
  FROM standing
 GROUP BY kind
UNION ALL
SELECT id, slug, status, kind, every, completed_at, oldest_at, NULL, scheduled
  FROM standing
  JOIN worst USING (id)
 ORDER BY slug NULLS FIRST, kind;

-- name: counts
-- Items by state of these tenants. $1 tenant ids bigint[]
SELECT tenant_id, kind, state, items
  FROM rocksync.item_count
 WHERE tenant_id = ANY ($1::bigint[]);

-- name: troubles
-- Of these tenants, what is in quarantine by reason, and orders that do not read back. $1 tenant ids bigint[]
SELECT tenant_id, kind, state, reason, count(*) AS items
  FROM rocksync.item
 WHERE tenant_id = ANY ($1::bigint[]) AND state = 'quarantined'
 GROUP BY tenant_id, kind, state, reason
UNION ALL
SELECT tenant_id, kind, state, reason, count(*)
  FROM rocksync.item
 WHERE tenant_id = ANY ($1::bigint[]) AND kind = 'order' AND state = 'pending' AND reason = 'unconfirmed'
 GROUP BY tenant_id, kind, state, reason;

-- name: totals
SELECT clock_timestamp() AS taken_at,
       ARRAY(SELECT slug FROM rocksync.tenant) AS slugs,
       (SELECT count(*) FROM rocksync.worker WHERE seen_at > clock_timestamp() - interval '30 seconds') AS workers,
       (SELECT count(*) FROM rocksync.schedule WHERE lease_worker IS NOT NULL AND leased_until > clock_timestamp()) AS leases,
       (SELECT count(*) FROM rocksync.schedule WHERE lease_worker IS NOT NULL AND leased_until <= clock_timestamp()) AS expired,
       due.waiting, due.waiting_since,
       (SELECT jsonb_object_agg(status, tenants)
          FROM (SELECT status, count(*) AS tenants FROM rocksync.tenant GROUP BY status) by_status)::text AS statuses
  FROM (SELECT count(*) AS waiting, min(s.due_at) AS waiting_since
          FROM rocksync.schedule s
          JOIN rocksync.tenant t ON t.id = s.tenant_id AND t.status = 'active'
         WHERE s.due_at <= clock_timestamp()
           AND coalesce(s.leased_until <= clock_timestamp(), true)
           AND coalesce(s.backoff_until <= clock_timestamp(), true)
           AND coalesce(s.paused_until <= clock_timestamp(), true)) due;

-- name: lag
-- How tenants and kinds stand, the worst first: as the view rocksync.lag, but all at once, and with how fast items were
-- dealt with in the last ten minutes and what one of those says that a mapper stops. $1 slug text or null for all, $2 only
-- those behind boolean
WITH asked AS MATERIALIZED (
    SELECT t.id, t.slug, t.status, t.status_reason, t.activated_at FROM rocksync.tenant t WHERE $1::text IS NULL OR t.slug = $1),
told AS (
    SELECT i.tenant_id, i.kind, i.key, i.changed_at, i.reason,
           CASE WHEN i.reason IN ('mapper_error', 'mapper_timeout') THEN i.detail END AS by_mapper
      FROM rocksync.item i
     WHERE i.state = 'pending'
       AND ($1::text IS NULL OR i.tenant_id = (SELECT id FROM asked))
    UNION ALL
    SELECT c.tenant_id, c.kind, c.key, c.changed_at, NULL, NULL
      FROM rocksync.change c
     WHERE $1::text IS NULL OR c.tenant_id = (SELECT id FROM asked)),
waiting AS (
    SELECT tenant_id, kind, min(oldest) AS oldest, count(*) AS items, min(reason) AS reason, min(by_mapper) AS by_mapper
      FROM (SELECT tenant_id, kind, key, min(changed_at) AS oldest, min(reason) AS reason, min(by_mapper) AS by_mapper
              FROM told
             GROUP BY tenant_id, kind, key) each
     GROUP BY tenant_id, kind),
aside AS (
    SELECT i.tenant_id, i.kind, count(*) AS items, mode() WITHIN GROUP (ORDER BY i.reason) AS reason,
           min(i.detail) FILTER (WHERE i.reason IN ('mapper_error', 'mapper_timeout')) AS by_mapper
      FROM rocksync.item i
     WHERE i.state = 'quarantined'
       AND ($1::text IS NULL OR i.tenant_id = (SELECT id FROM asked))
     GROUP BY i.tenant_id, i.kind),
pace AS (
    SELECT h.tenant_id, h.kind, avg(h.took_ms)::double precision AS took_ms,
           count(*) / greatest(extract(epoch FROM clock_timestamp() - min(h.at)), 1)::double precision AS per_s
      FROM rocksync.history h
     WHERE h.at > now() - interval '10 minutes' -- a volatile function in its place would have all history read
       AND ($1::text IS NULL OR h.tenant_id = (SELECT id FROM asked))
     GROUP BY h.tenant_id, h.kind),
standing AS (
    SELECT t.slug AS tenant, t.status, t.status_reason, s.kind, s.mode, coalesce(s.every, d.every) AS every,
           CASE WHEN t.status = 'draft' THEN 0
                ELSE coalesce(greatest(extract(epoch FROM clock_timestamp() - w.oldest), 0), 0)
           END::double precision AS lag_s,
           CASE WHEN t.status <> 'draft'
                THEN extract(epoch FROM clock_timestamp() - coalesce(s.last_completed_at, t.activated_at))
           END::double precision AS staleness_s,
           coalesce(w.items, 0) AS pending,
           coalesce(q.items, 0) AS quarantined,
           rocksync.cause(t.status, s.paused_until > clock_timestamp(), s.failure_reason, coalesce(w.items, 0),
                          s.mode = 'manual' AND s.requested_at IS NULL, w.reason, q.reason) AS cause,
           CASE WHEN t.status_reason IS NOT NULL THEN t.status_reason
                WHEN s.paused_until > clock_timestamp() THEN s.paused_reason
                ELSE s.failure END AS detail,
           coalesce(w.by_mapper, q.by_mapper) AS by_mapper,
           p.per_s, p.took_ms,
           EXISTS (SELECT FROM rocksync.worker WHERE seen_at > clock_timestamp() - interval '30 seconds') AS has_worker
      FROM asked t
      JOIN rocksync.schedule s ON s.tenant_id = t.id
      JOIN rocksync.default_interval d ON d.kind = s.kind
      LEFT JOIN waiting w ON w.tenant_id = s.tenant_id AND w.kind = s.kind
      LEFT JOIN aside q ON q.tenant_id = s.tenant_id AND q.kind = s.kind
      LEFT JOIN pace p ON p.tenant_id = s.tenant_id AND p.kind = s.kind)
SELECT *
  FROM standing
 WHERE NOT $2 OR (lag_s > 2 * extract(epoch FROM every) AND mode <> 'manual')
 ORDER BY lag_s DESC, cause = 'in_sync' OR status = 'draft', quarantined DESC, tenant, kind;

-- name: mapper_faults
-- Tenants of which a running worker refuses a mapper: the one named like the tenant, or one that it names.
SELECT DISTINCT t.slug, f.name, f.detail
  FROM rocksync.mapper_fault f
  JOIN rocksync.tenant t
    ON replace(t.slug, '-', '_') = replace(f.name, '-', '_')
    OR EXISTS (SELECT FROM unnest(t.mappers) AS m WHERE replace(m, '-', '_') = replace(f.name, '-', '_'))
 ORDER BY t.slug, f.name;

-- name: quarantine_reasons
-- What is set aside of one tenant. $1 slug text
SELECT i.kind, i.reason, count(*) AS items
  FROM rocksync.item i
 WHERE i.tenant_id = (SELECT id FROM rocksync.tenant WHERE slug = $1) AND i.state = 'quarantined'
 GROUP BY i.kind, i.reason
 ORDER BY count(*) DESC, i.kind, i.reason;

-- name: unfinished_requests
-- Kinds that were asked for and have not completed since, with what stands in their way. A failure from before counts for
-- nothing, nor does one that is being made good.
-- $1 tenant_id bigint, $2 kinds text[]
SELECT s.kind, s.paused_until > clock_timestamp() AS is_paused, s.paused_reason,
       CASE WHEN s.last_started_at >= s.requested_at AND s.lease_worker IS NULL THEN s.failure END AS failure
  FROM rocksync.schedule s
 WHERE s.tenant_id = $1
   AND s.kind = ANY ($2::text[])
   AND s.requested_at IS NOT NULL
 ORDER BY array_position(ARRAY['product', 'price', 'stock', 'order'], s.kind);

-- name: has_credentials
-- Whether there are any, sealed or to be sealed by a worker. $1 tenant_id bigint
SELECT EXISTS (SELECT FROM rocksync.credential c WHERE c.tenant_id = $1)
    OR EXISTS (SELECT FROM rocksync.credential_inbox i WHERE i.tenant_id = $1);

-- name: moment
-- The clock that items are written by.
SELECT clock_timestamp();

-- name: left_over
-- What waits for another attempt, and what was set aside since then.
-- $1 tenant_id bigint, $2 kinds text[], $3 since timestamptz
SELECT kind, reason, count(*) AS items, CASE WHEN state = 'pending' THEN min(next_attempt_at) END AS next_at
  FROM rocksync.item
 WHERE tenant_id = $1
   AND kind = ANY ($2::text[])
   AND (state = 'pending' AND next_attempt_at > clock_timestamp() OR state = 'quarantined' AND attempted_at >= $3)
 GROUP BY kind, state, reason
 ORDER BY kind, state, reason;

-- name: workers
-- Workers that are alive.
SELECT count(*) FROM rocksync.worker WHERE seen_at > clock_timestamp() - interval '30 seconds';
