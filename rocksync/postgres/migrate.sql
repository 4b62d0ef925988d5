-- name: take_turn
-- Whether this session now holds the lock of all migrators.
SELECT pg_try_advisory_lock(hashtext('rocksync'), hashtext('migrate'));

-- name: set_limits
-- A migration may take long, but not go on long after its client was killed. Outside transactions, where it waits for
-- whole transactions of others and blocks nobody, it may wait.
SET statement_timeout = 0;
SET lock_timeout = '15s';
SET client_connection_check_interval = '5s';

-- name: wait_briefly
-- Everybody who wants a table queues behind a migration that waits for it. It is also to have given up before a session
-- that came to wait for the migration looks for deadlocks: it is whoever finds one whose transaction is rolled back.
SELECT set_config('lock_timeout', greatest(1, least(500, setting::integer / 2))::text, true)
  FROM pg_settings
 WHERE name = 'deadlock_timeout';

-- name: holders
-- Whoever has locks on our tables or the store's, the longest first. When a transaction of another role began is shown to
-- pg_read_all_stats alone. No text of queries: it may hold data of buyers.
SELECT l.pid,
       coalesce(nullif(a.application_name, ''), a.backend_type, 'unnamed') AS application,
       a.xact_start,
       array_agg(DISTINCT n.nspname || '.' || c.relname) AS tables
  FROM pg_locks l
  JOIN pg_class c ON c.oid = l.relation
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation'
   AND l.granted
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.pid IS DISTINCT FROM pg_backend_pid()
   AND n.nspname IN ('store', 'rocksync')
   AND c.relkind IN ('r', 'p', 'v')
 GROUP BY l.pid, a.application_name, a.backend_type, a.xact_start
 ORDER BY a.xact_start NULLS FIRST
 LIMIT 3;

-- name: end_turn
RESET statement_timeout;
RESET lock_timeout;
RESET client_connection_check_interval;
SELECT pg_advisory_unlock(hashtext('rocksync'), hashtext('migrate'));

-- name: make_table
CREATE SCHEMA IF NOT EXISTS rocksync;
CREATE TABLE IF NOT EXISTS rocksync.migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    took_s     double precision NOT NULL
);
COMMENT ON TABLE rocksync.migration IS 'Migrations applied to this database.';
COMMENT ON COLUMN rocksync.migration.sha256 IS 'Of the file as it was applied, in hexadecimal.';
COMMENT ON COLUMN rocksync.migration.took_s IS 'How long it took, in seconds.';

-- name: encoding
SELECT current_setting('server_encoding');

-- name: has_table
SELECT to_regclass('rocksync.migration') IS NOT NULL;

-- name: applied
SELECT version, name, sha256
  FROM rocksync.migration
 ORDER BY version;

-- name: is_read_only
SELECT current_setting('transaction_read_only')::boolean;

-- name: record
-- $1 version integer, $2 name text, $3 sha256 text, $4 took_s double precision
INSERT INTO rocksync.migration (version, name, sha256, took_s)
VALUES ($1, $2, $3, $4);
