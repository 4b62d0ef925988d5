-- What goes with every change by an operator.

-- name: set_operator
-- Who it is, for the audit table. $1 who text
SELECT set_config('rocksync.operator', $1, true);

-- name: audited
-- $1 action text, $2 tenant_id bigint, $3 slug text, $4 what jsonb
SELECT rocksync.audited($1, $2, $3, $4);

-- name: tell
-- Wake the workers for a tenant. $1 tenant_id bigint
SELECT pg_notify('rocksync', 'tenant ' || $1::bigint);

-- name: hold
-- As passes do, schedules before items: no pass records anything of these kinds before the transaction ends.
-- $1 tenant_id bigint, $2 kinds text[]
SELECT FROM rocksync.schedule WHERE tenant_id = $1 AND kind = ANY ($2) ORDER BY kind <> 'product', kind FOR NO KEY UPDATE;
