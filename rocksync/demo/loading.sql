-- name: wipe
DROP SCHEMA IF EXISTS rocksync CASCADE;
DROP SCHEMA IF EXISTS store CASCADE;

-- name: add_tenant
-- $1 slug text, $2 name text, $3 domain text, $4 client_id text, $5 client_secret text, $6 api_user text,
-- $7 api_secret text, $8 mappers text[], $9 settings jsonb
SELECT rocksync.add_tenant($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: set_schedule
-- $1 slug text, $2 kind text, $3 mode text
SELECT rocksync.set_schedule($1, $2, $3);

-- name: activate_tenant
-- $1 slug text
SELECT rocksync.activate_tenant($1);
