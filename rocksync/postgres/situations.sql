-- What is kept around one SKU or order, read in one snapshot.

-- name: tenant
-- $1 tenant_id bigint
SELECT t.status, t.status_reason,
       (SELECT count(*) FROM rocksync.worker WHERE seen_at > clock_timestamp() - interval '30 seconds') AS workers,
       EXISTS (SELECT FROM rocksync.credential_inbox n WHERE n.tenant_id = t.id) AS is_sealing
  FROM rocksync.tenant t
 WHERE t.id = $1;

-- name: kinds
-- $1 tenant_id bigint
SELECT kind, mode, requested_at IS NOT NULL AS is_requested, coalesce(leased_until > clock_timestamp(), false) AS is_running,
       due_at, CASE WHEN backoff_until > clock_timestamp() THEN backoff_until END AS backoff_until, failure, failure_reason,
       coalesce(paused_until > clock_timestamp(), false) AS is_paused, paused_reason, mapper_version
  FROM rocksync.schedule
 WHERE tenant_id = $1;

-- name: items
-- $1 tenant_id bigint, $2 kinds text[], $3 keys text[]
SELECT o.kind, o.key, i.state, i.reason, i.detail, i.revision, i.resend, i.attempts, i.changed_at, i.next_attempt_at,
       i.attempted_at, i.accepted, i.accepted_at,
       EXISTS (SELECT FROM rocksync.change c WHERE c.tenant_id = $1 AND c.kind = o.kind AND c.key = o.key) AS is_changed
  FROM unnest($2::text[], $3::text[]) AS o (kind, key)
  LEFT JOIN rocksync.item i ON i.tenant_id = $1 AND i.kind = o.kind AND i.key = o.key;
