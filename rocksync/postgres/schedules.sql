-- name: claim
-- Due passes, leased. $1 worker text, $2 slots int, $3 lease in seconds float8, $4 tenant ids bigint[] or null, $5 kinds text[] or null,
-- $6 slots for those that are neither over orders nor of what is to be sent at once int or null
SELECT s.tenant_id, s.kind, s.mode, s.lease_token, s.mapper_version, s.watermark, s.reconciled_at,
       s.due_at, s.in_doubt,
       (SELECT c.changed_at FROM rocksync.change c
         WHERE c.tenant_id = s.tenant_id AND c.kind = s.kind ORDER BY c.changed_at LIMIT 1) IS NULL
       AND NOT rocksync.is_deliverable(s.tenant_id, s.kind) AS quiet,
       t.slug, t.name, t.domain, t.mappers, t.settings, t.revision, t.orders_since
  FROM rocksync.claim($1, $2, $3 * interval '1 second', $4, $5, $6) s
  JOIN rocksync.tenant t ON t.id = s.tenant_id;

-- name: give_back
-- Passes for which nothing is due; the places of those that are ended. $1 tenant ids bigint[], $2 kinds text[], $3 tokens bigint[]
SELECT n FROM rocksync.give_back($1, $2, $3) n;

-- name: extend
-- Those of a worker's leases that it still holds, for longer.
-- $1 tenant ids bigint[], $2 kinds text[], $3 tokens bigint[], $4 lease in seconds float8
UPDATE rocksync.schedule s
   SET leased_until = clock_timestamp() + $4 * interval '1 second'
  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS o (tenant_id, kind, token)
 WHERE s.tenant_id = o.tenant_id AND s.kind = o.kind AND s.lease_token = o.token AND s.lease_worker IS NOT NULL
RETURNING s.tenant_id, s.kind;

-- name: halted
-- Those of passes that may not go on: their tenant is not served any more, or their kind is paused.
-- $1 tenant ids bigint[], $2 kinds text[]
SELECT o.tenant_id, o.kind
  FROM unnest($1::bigint[], $2::text[]) AS o (tenant_id, kind)
  LEFT JOIN rocksync.tenant t ON t.id = o.tenant_id
  LEFT JOIN rocksync.schedule s ON s.tenant_id = o.tenant_id AND s.kind = o.kind
 WHERE t.status IS DISTINCT FROM 'active'
    OR s.paused_until > clock_timestamp();

-- name: end_abandoned
-- A session between two parts of a request counts as active, not as idle in its transaction. $1 seconds of silence float8
SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND usename = current_user
   AND application_name = current_setting('application_name')
   AND state = 'active'
   AND wait_event = 'ClientRead'
   AND state_change < clock_timestamp() - $1 * interval '1 second';

-- name: finish
-- $1 tenant_id, $2 kind, $3 token, $4 complete boolean, $5 reached boolean
SELECT rocksync.finish($1, $2, $3, $4, $5);

-- name: fail
-- $1 tenant_id, $2 kind, $3 token, $4 backoff in seconds float8, $5 reason, $6 detail, $7 doubtful boolean
SELECT rocksync.fail($1, $2, $3, $4 * interval '1 second', $5, $6, $7);

-- name: failures
-- $1 tenant_id, $2 kind
SELECT failures FROM rocksync.schedule WHERE tenant_id = $1 AND kind = $2;

-- name: wake_changed
-- Immediate schedules of which something changed are due; one that somebody has locked is left to the next poll. What is
-- limited to one row cannot be planned but by its key, however many changes wait. $1 tenant ids bigint[] or null for all
WITH changed AS MATERIALIZED (
    SELECT s.tenant_id, s.kind
      FROM rocksync.schedule s
      JOIN rocksync.tenant t ON t.id = s.tenant_id
     WHERE t.status = 'active' AND s.mode = 'immediate'
       AND ($1::bigint[] IS NULL OR s.tenant_id = ANY ($1))
       AND (s.due_at IS NULL OR s.due_at > clock_timestamp())
       AND (SELECT c.changed_at FROM rocksync.change c
             WHERE c.tenant_id = s.tenant_id AND c.kind = s.kind ORDER BY c.changed_at LIMIT 1) IS NOT NULL
       FOR NO KEY UPDATE OF s SKIP LOCKED)
UPDATE rocksync.schedule s
   SET due_at = clock_timestamp()
  FROM changed c
 WHERE s.tenant_id = c.tenant_id AND s.kind = c.kind;

-- name: wake_mapped
-- Tenants that use one of these mappers are due. $1 mapper names text[], $2 slugs text[]
UPDATE rocksync.schedule s
   SET due_at = rocksync.due_now(s)
  FROM rocksync.tenant t
 WHERE t.id = s.tenant_id AND t.status = 'active' AND s.mode <> 'manual' AND s.kind <> 'order'
   AND (t.mappers && $1::text[] OR t.slug = ANY ($2));

-- name: mapped
-- What the items of active tenants were last mapped with, where anything was mapped.
SELECT s.tenant_id, s.kind, s.mapper_version, t.slug, t.name, t.domain, t.mappers, t.settings, t.revision, t.orders_since
  FROM rocksync.schedule s
  JOIN rocksync.tenant t ON t.id = s.tenant_id
 WHERE t.status = 'active' AND s.mode <> 'manual' AND s.kind <> 'order' AND s.mapper_version IS NOT NULL;

-- name: wake
-- $1 tenant ids bigint[], $2 kinds text[], of the same length
UPDATE rocksync.schedule s
   SET due_at = rocksync.due_now(s)
  FROM unnest($1::bigint[], $2::text[]) AS o (tenant_id, kind)
 WHERE s.tenant_id = o.tenant_id AND s.kind = o.kind AND s.due_at IS NOT NULL;

-- name: request
-- Passes asked for by name. $1 tenant ids bigint[] or null, $2 kinds text[] or null, $3 manual ones too boolean
UPDATE rocksync.schedule s
   SET due_at = rocksync.due_now(s),
       backoff_until = NULL,
       requested_at = CASE WHEN s.mode = 'manual' THEN clock_timestamp() ELSE s.requested_at END
  FROM rocksync.tenant t
 WHERE t.id = s.tenant_id AND t.status = 'active'
   AND ($1::bigint[] IS NULL OR s.tenant_id = ANY ($1)) AND ($2::text[] IS NULL OR s.kind = ANY ($2))
   AND (s.mode <> 'manual' OR $3 OR s.requested_at IS NOT NULL);

-- name: request_deliverable
-- Passes that something is deliverable for are due; returns how many. $1 tenant ids bigint[] or null, $2 kinds text[] or null
WITH due AS (
    UPDATE rocksync.schedule s
       SET due_at = rocksync.due_now(s)
      FROM rocksync.tenant t
     WHERE t.id = s.tenant_id AND t.status = 'active'
       AND ($1::bigint[] IS NULL OR s.tenant_id = ANY ($1)) AND ($2::text[] IS NULL OR s.kind = ANY ($2))
       AND (s.mode <> 'manual' OR s.requested_at IS NOT NULL)
       AND (s.backoff_until IS NULL OR s.backoff_until <= clock_timestamp())
       AND (s.paused_until IS NULL OR s.paused_until <= clock_timestamp())
       AND (s.leased_until IS NULL OR s.leased_until <= clock_timestamp())
       AND ((SELECT c.changed_at FROM rocksync.change c
              WHERE c.tenant_id = s.tenant_id AND c.kind = s.kind ORDER BY c.changed_at LIMIT 1) IS NOT NULL
            OR EXISTS (SELECT FROM rocksync.item i
                        WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'pending'
                          AND i.next_attempt_at <= clock_timestamp()))
    RETURNING s.tenant_id)
SELECT count(*) FROM due;

-- name: held_elsewhere
-- Passes that are due, but whose tenant a worker has. $1 tenant ids bigint[] or null, $2 kinds text[] or null
SELECT count(*)
  FROM rocksync.schedule s
  JOIN rocksync.tenant t ON t.id = s.tenant_id
 WHERE t.status = 'active'
   AND ($1::bigint[] IS NULL OR s.tenant_id = ANY ($1)) AND ($2::text[] IS NULL OR s.kind = ANY ($2))
   AND s.due_at <= clock_timestamp()
   AND (s.backoff_until IS NULL OR s.backoff_until <= clock_timestamp())
   AND (s.paused_until IS NULL OR s.paused_until <= clock_timestamp())
   AND EXISTS (SELECT FROM rocksync.schedule o WHERE o.tenant_id = s.tenant_id AND o.leased_until > clock_timestamp());

-- name: resume_paused
-- Tenants and kinds whose pause is over; what somebody has locked is left to the next poll. A pause is no time waited.
WITH kinds AS (
    UPDATE rocksync.schedule s
       SET paused_until = NULL, paused_reason = NULL,
           due_at = CASE WHEN s.due_at < s.paused_until THEN s.paused_until ELSE s.due_at END
     WHERE (s.tenant_id, s.kind) IN (SELECT o.tenant_id, o.kind FROM rocksync.schedule o
                                      WHERE o.paused_until <= clock_timestamp() FOR NO KEY UPDATE SKIP LOCKED))
UPDATE rocksync.tenant t SET status = 'active'
 WHERE t.id IN (SELECT o.id FROM rocksync.tenant o
                 WHERE o.status = 'paused' AND o.paused_until <= clock_timestamp() FOR NO KEY UPDATE SKIP LOCKED);

-- name: beat
-- The worker is alive. $1 name text, $2 version text
INSERT INTO rocksync.worker (name, version) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp(), version = excluded.version;

-- name: tell_faults
-- What a worker refuses of mappers, and nothing else of it. $1 worker text, $2 names text[], $3 details text[]
WITH mended AS (
    DELETE FROM rocksync.mapper_fault WHERE worker = $1 AND name <> ALL ($2::text[]))
INSERT INTO rocksync.mapper_fault AS f (worker, name, detail)
SELECT $1, n.name, n.detail
  FROM unnest($2::text[], $3::text[]) AS n (name, detail)
 WHERE EXISTS (SELECT FROM rocksync.worker w WHERE w.name = $1)
    ON CONFLICT (worker, name) DO UPDATE SET detail = excluded.detail, since = now() WHERE f.detail <> excluded.detail;

-- name: leave
-- The worker has ended; what it still held is free. $1 name text
WITH freed AS (
    UPDATE rocksync.schedule SET lease_worker = NULL, leased_until = NULL, lease_token = lease_token + 1, in_doubt = true
     WHERE lease_worker = $1)
DELETE FROM rocksync.worker WHERE name = $1;

-- name: set_default_intervals
-- $1 kinds text[], $2 seconds float8[]
UPDATE rocksync.default_interval d SET every = o.every_s * interval '1 second'
  FROM unnest($1::text[], $2::float8[]) AS o (kind, every_s)
 WHERE d.kind = o.kind AND d.every <> o.every_s * interval '1 second';

-- name: sweep_history
-- $1 days to keep int
DELETE FROM rocksync.history WHERE at < now() - $1 * interval '1 day';

-- name: sweep_workers
DELETE FROM rocksync.worker WHERE seen_at < now() - interval '1 day';

-- name: sweep_changes
-- Changes of tenants that do not exist, once nobody can be about to add them.
DELETE FROM rocksync.change c
 WHERE c.changed_at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM rocksync.tenant t WHERE t.id = c.tenant_id);

-- name: sweep_repeated_changes
-- Changes of a key that has an older one, where many wait: for tenants that are not served, and kinds that do not run.
-- One is enough for each key, and the older one tells the lag. $1 how many changes of one kind are many int
DELETE FROM rocksync.change c
 USING (SELECT d.ctid, row_number() OVER (PARTITION BY d.tenant_id, d.kind, d.key ORDER BY d.changed_at) AS place
          FROM rocksync.change d
          JOIN (SELECT tenant_id, kind FROM rocksync.change GROUP BY tenant_id, kind HAVING count(*) > $1) many
            ON many.tenant_id = d.tenant_id AND many.kind = d.kind) repeated
 WHERE c.ctid = repeated.ctid AND repeated.place > 1;

-- name: sweep_clock
-- Schedules that would wait for times that no clock can have meant, since the database's was set back after they were
-- written down: they do not wait. $1 lease in seconds float8
UPDATE rocksync.schedule s
   SET due_at = least(s.due_at, CASE WHEN s.due_at > clock_timestamp() + coalesce(s.every, d.every) + interval '1 minute'
                                     THEN clock_timestamp() END),
       backoff_until = CASE WHEN s.backoff_until <= clock_timestamp() + interval '20 minutes' THEN s.backoff_until END,
       leased_until = least(s.leased_until, CASE WHEN s.leased_until > clock_timestamp() + 10 * $1 * interval '1 second'
                                                 THEN clock_timestamp() END)
  FROM rocksync.default_interval d
 WHERE d.kind = s.kind
   AND (s.due_at > clock_timestamp() + coalesce(s.every, d.every) + interval '1 minute'
        OR s.backoff_until > clock_timestamp() + interval '20 minutes'
        OR s.leased_until > clock_timestamp() + 10 * $1 * interval '1 second');

-- name: sweep_clock_of_items
-- The same for items: one that waits for no retry is due at once.
UPDATE rocksync.item
   SET next_attempt_at = clock_timestamp()
 WHERE state = 'pending' AND reason = 'pending' AND attempts = 0 AND next_attempt_at > clock_timestamp() + interval '1 minute';

-- name: sweep_orders
-- Orders of no interest that nobody has changed for long, and that were never imported, with what says so. $1 days int
WITH gone AS (
    DELETE FROM rocksync.hub_order o
     WHERE o.seen_at < now() - $1 * interval '1 day'
       AND o.imported_at IS NULL
       AND EXISTS (SELECT FROM rocksync.item i
                    WHERE i.tenant_id = o.tenant_id AND i.kind = 'order' AND i.key = o.id AND i.state = 'skipped')
    RETURNING o.tenant_id, o.id)
DELETE FROM rocksync.item i
 USING gone
 WHERE i.tenant_id = gone.tenant_id AND i.kind = 'order' AND i.key = gone.id AND i.state = 'skipped' AND i.accepted_at IS NULL;
