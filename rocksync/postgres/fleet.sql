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
-- By lag, the worst first. $1 slug text or null for all, $2 only those behind boolean
SELECT l.tenant, l.kind, t.status, t.status_reason, s.mode, coalesce(s.every, d.every) AS every, l.lag_s, l.staleness_s,
       l.pending, l.quarantined, l.cause,
       CASE WHEN t.status_reason IS NOT NULL THEN t.status_reason
            WHEN s.paused_until > clock_timestamp() THEN s.paused_reason
            ELSE s.failure END AS detail
  FROM rocksync.lag l
  JOIN rocksync.tenant t ON t.slug = l.tenant
  JOIN rocksync.schedule s ON s.tenant_id = t.id AND s.kind = l.kind
  JOIN rocksync.default_interval d ON d.kind = s.kind
 WHERE ($1::text IS NULL OR l.tenant = $1)
   AND (NOT $2 OR (l.lag_s > 2 * extract(epoch FROM coalesce(s.every, d.every)) AND s.mode <> 'manual'))
 ORDER BY l.lag_s DESC, l.tenant, l.kind;

-- name: unfinished_requests
-- Kinds that were asked for and have not completed since, with what stands in their way.
-- $1 tenant_id bigint, $2 kinds text[]
SELECT s.kind, s.failure, t.status, t.status_reason
  FROM rocksync.schedule s
  JOIN rocksync.tenant t ON t.id = s.tenant_id
 WHERE s.tenant_id = $1
   AND s.kind = ANY ($2::text[])
   AND s.requested_at IS NOT NULL;

-- name: workers
-- Workers that are alive.
SELECT count(*) FROM rocksync.worker WHERE seen_at > clock_timestamp() - interval '30 seconds';
