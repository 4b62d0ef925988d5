-- Credentials, sealed; and the inbox in which SQL onboarding hands them in.

-- name: sealed
-- $1 tenant_id bigint
SELECT t.slug, c.sealed
  FROM rocksync.tenant t
  LEFT JOIN rocksync.credential c ON c.tenant_id = t.id
 WHERE t.id = $1;

-- name: store
-- $1 tenant_id bigint, $2 sealed bytea
INSERT INTO rocksync.credential (tenant_id, sealed)
VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET sealed = excluded.sealed, sealed_at = clock_timestamp();

-- name: empty_inbox
-- $1 tenant_id bigint
DELETE FROM rocksync.credential_inbox WHERE tenant_id = $1;

-- name: serve_again
-- $1 tenant_id bigint
UPDATE rocksync.tenant SET status = 'active' WHERE id = $1 AND status = 'needs_credentials';

-- name: tell
-- The tenant's credentials are others now. $1 tenant_id bigint
SELECT pg_notify('rocksync', 'credentials ' || $1::bigint);

-- name: inbox
-- What is to be sealed, past a tenant, as far as no other worker has it in hand.
-- $1 after tenant_id bigint, $2 limit int
SELECT i.tenant_id, t.slug, i.client_id, i.client_secret, i.api_user, i.api_secret
  FROM rocksync.credential_inbox i
  JOIN rocksync.tenant t ON t.id = i.tenant_id
 WHERE i.tenant_id > $1
 ORDER BY i.tenant_id
 LIMIT $2
   FOR UPDATE OF i SKIP LOCKED;

-- name: hide_inbox
-- $1 tenant_id bigint, $2 client_id, $3 client_secret, $4 api_user, $5 api_secret: sealed texts
UPDATE rocksync.credential_inbox
   SET client_id = $2, client_secret = $3, api_user = $4, api_secret = $5
 WHERE tenant_id = $1;

-- name: handed_in
-- $1 tenant_id bigint
SELECT t.slug, i.client_id, i.client_secret, i.api_user, i.api_secret
  FROM rocksync.credential_inbox i
  JOIN rocksync.tenant t ON t.id = i.tenant_id
 WHERE i.tenant_id = $1;

-- name: has_residue
-- Whether the table's file holds anything: rows not sealed, or the plain text of rows that are gone. Those outlive
-- a VACUUM while an older snapshot might see them, and a worker that died before its VACUUM.
SELECT pg_relation_size('rocksync.credential_inbox') > 0;

-- name: vacuum_inbox
-- The plain text stays in the table's file until then. Two at once would each keep the other from cutting the file short, for
-- five seconds: the second leaves it to the first, and to the next poll.
VACUUM (SKIP_LOCKED) rocksync.credential_inbox;

-- name: refuse_inbox
-- $1 tenant_id bigint, $2 reason text
UPDATE rocksync.tenant SET status = 'needs_credentials', status_reason = $2 WHERE id = $1 AND status = 'active';

-- name: key_ids
-- Under which keys credentials are sealed.
SELECT substring(sealed FROM 2 FOR 4) AS key_id, count(*) AS tenants
  FROM rocksync.credential
 GROUP BY 1
 ORDER BY 2 DESC, 1;

-- name: page
-- $1 after tenant_id bigint, $2 limit int
SELECT c.tenant_id, t.slug, c.sealed
  FROM rocksync.credential c
  JOIN rocksync.tenant t ON t.id = c.tenant_id
 WHERE c.tenant_id > $1
 ORDER BY c.tenant_id
 LIMIT $2
   FOR UPDATE OF c;

-- name: seal_again
-- $1 tenant_id bigint, $2 sealed bytea
UPDATE rocksync.credential SET sealed = $2 WHERE tenant_id = $1;
