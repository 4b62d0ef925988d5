-- name: take_turn
-- Whether this session now holds the lock of all migrators.
SELECT pg_try_advisory_lock(hashtext('rocksync'), hashtext('migrate'));

-- name: set_limits
-- A migration may take long, but not stand in front of a busy table and block everybody behind it,
-- nor go on long after its client was killed.
SET statement_timeout = 0;
SET lock_timeout = '15s';
SET client_connection_check_interval = '5s';

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
