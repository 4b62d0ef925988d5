-- name: fold
-- Changes into items. $1 tenant_id bigint, $2 kind text, $3 token bigint, $4 limit int
SELECT held, folded, deliverable FROM rocksync.fold($1, $2, $3, $4);

-- name: hold
-- Whether the lease is held; it cannot be taken over before the transaction ends.
-- $1 tenant_id bigint, $2 kind text, $3 token bigint
SELECT rocksync.hold_lease($1, $2, $3);

-- name: hold_losable
-- The same; what is written may be lost with the server, as it is found out again.
-- $1 tenant_id bigint, $2 kind text, $3 token bigint
SELECT rocksync.hold_lease($1, $2, $3), set_config('synchronous_commit', 'off', true);

-- name: deliverable
-- Items of one tenant and kind that are due, the longest undelivered first, behind a given one.
-- $1 tenant_id bigint, $2 kind text, $3 after changed_at timestamptz, $4 after key text, $5 limit int
SELECT key, revision, changed_at, attempts, resend, accepted, sending
  FROM rocksync.item
 WHERE tenant_id = $1
   AND kind = $2
   AND state = 'pending'
   AND next_attempt_at <= now()
   AND (changed_at, key) > ($3, $4)
 ORDER BY changed_at, key
 LIMIT $5;

-- name: known
-- Where items are. $1 tenant_id bigint, $2 kind text, $3 keys text[]
SELECT key, state, reason, accepted FROM rocksync.item WHERE tenant_id = $1 AND kind = $2 AND key = ANY ($3);

-- name: reconsider
-- Map every item again, of orders those that are not done with. What was refused may be right now; what the hub could not
-- take waits as before. $1 tenant_id bigint, $2 kind text
UPDATE rocksync.item
   SET state = 'pending', reason = 'pending', detail = NULL, revision = revision + 1, attempts = 0,
       changed_at = coalesce(changed_at, now()),
       next_attempt_at = CASE WHEN state = 'pending' AND attempts = 0 THEN next_attempt_at ELSE now() END
 WHERE tenant_id = $1
   AND kind = $2
   AND (kind <> 'order' OR state IN ('pending', 'quarantined'));

-- name: set_mapper_version
-- $1 tenant_id bigint, $2 kind text, $3 version text
UPDATE rocksync.schedule SET mapper_version = $3 WHERE tenant_id = $1 AND kind = $2;

-- name: record_accepted
-- The hub holds what it is to hold: one statement, as it comes ten times a second for each pass. An item that changed
-- meanwhile stays pending, and so does one of which an earlier request may be carried out later, with what may have been sent.
-- Nothing happens, and false is returned, if the lease is not held. This and the next ones name their keys twice: a plan made
-- while the table was small still begins with these keys, not with all items of the tenant. (From PostgreSQL 17 on. Before, a
-- table that nobody has analyzed yet is read by tenant and kind, until autovacuum comes by.)
-- $1 tenant_id, $2 kind, $3 token bigint, $4 whether a crash of the server may lose it boolean, $5 keys text[],
-- $6 revisions bigint[], $7 payloads text[] (null: as it was), $8 reasons text[]; for history $9 actions text[] (null: no
-- line), $10 statuses int[], $11 sent text[], $12 took_ms int[]
WITH held AS MATERIALIZED (
    SELECT rocksync.hold_lease($1, $2, $3) AS held,
           CASE WHEN $4::boolean THEN set_config('synchronous_commit', 'off', true) END),
recorded AS (
    UPDATE rocksync.item i
       SET accepted = coalesce(o.payload::jsonb, i.accepted),
           accepted_at = CASE WHEN o.payload IS NULL THEN i.accepted_at ELSE now() END,
           attempted_at = now(),
           attempts = 0,
           resend = (i.resend AND i.revision <> o.revision) OR coalesce(i.late_until > now(), false),
           late_until = CASE WHEN i.late_until > now() THEN i.late_until END,
           next_attempt_at = CASE WHEN i.revision = o.revision AND i.late_until > now() THEN i.late_until ELSE i.next_attempt_at END,
           sending = CASE WHEN o.payload IS NULL OR i.late_until > now() THEN i.sending END,
           state = CASE WHEN i.revision <> o.revision THEN i.state WHEN i.late_until > now() THEN 'pending'
                        WHEN o.reason = 'in_sync' THEN 'synced' ELSE 'skipped' END,
           reason = CASE WHEN i.revision <> o.revision THEN i.reason WHEN i.late_until > now() THEN 'unconfirmed' ELSE o.reason END,
           detail = CASE WHEN i.revision <> o.revision THEN i.detail
                         WHEN i.late_until > now() THEN 'an earlier request that was not answered may be carried out after it: sent once more' END,
           changed_at = CASE WHEN i.revision <> o.revision THEN i.changed_at WHEN i.late_until > now() THEN coalesce(i.changed_at, now()) END
      FROM unnest($5::text[], $6::bigint[], $7::text[], $8::text[]) AS o (key, revision, payload, reason)
     WHERE (SELECT held FROM held) AND i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($5) AND i.key = o.key),
told AS (
    INSERT INTO rocksync.history (tenant_id, kind, key, action, status, reason, sent, took_ms)
    SELECT $1, $2, o.key, o.action, o.status, o.reason, o.sent::jsonb, o.took_ms
      FROM unnest($5::text[], $8::text[], $9::text[], $10::int[], $11::text[], $12::int[])
           AS o (key, reason, action, status, sent, took_ms)
     WHERE (SELECT held FROM held) AND o.action IS NOT NULL)
SELECT held FROM held;

-- name: record_skipped
-- Not to be sent as it is. An order that was to be told again has been, as far as it can be: else each sight of what that
-- changed at the hub would have it told again. $1 tenant_id, $2 kind, $3 keys text[], $4 revisions bigint[], $5 reasons text[],
-- $6 details text[], $7 forget boolean[]
UPDATE rocksync.item i
   SET state = 'skipped', reason = o.reason, detail = o.detail, changed_at = NULL, attempts = 0,
       attempted_at = now(), resend = i.resend AND i.kind <> 'order',
       accepted = CASE WHEN o.forget THEN NULL ELSE i.accepted END,
       sending = CASE WHEN o.forget THEN NULL ELSE i.sending END
  FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::boolean[]) AS o (key, revision, reason, detail, forget)
 WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($3) AND i.key = o.key AND i.revision = o.revision;

-- name: record_refused
-- Could not be delivered, or not as it is to be. An order that is set aside is to be told again no more, as above.
-- $1 tenant_id, $2 kind, $3 keys text[], $4 revisions bigint[], $5 attempts int[], $6 reasons text[], $7 details text[],
-- $8 delays in seconds float8[] (null: quarantined, a stock once no earlier request may be carried out any more)
UPDATE rocksync.item i
   SET state = CASE WHEN o.delay_s IS NULL AND (i.kind <> 'stock' OR i.late_until IS NULL OR i.late_until <= now())
                    THEN 'quarantined' ELSE 'pending' END,
       reason = o.reason, detail = o.detail, attempts = o.attempts, attempted_at = now(),
       changed_at = coalesce(i.changed_at, now()),
       resend = i.resend AND (i.kind <> 'order' OR o.delay_s IS NOT NULL),
       next_attempt_at = CASE WHEN o.delay_s IS NULL AND i.kind = 'stock' AND i.late_until > now() THEN i.late_until
                              ELSE now() + coalesce(o.delay_s, 0) * interval '1 second' END
  FROM unnest($3::text[], $4::bigint[], $5::int[], $6::text[], $7::text[], $8::float8[])
       AS o (key, revision, attempts, reason, detail, delay_s)
 WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($3) AND i.key = o.key AND i.revision = o.revision;

-- name: record_postponed
-- To be looked at again, without a failed attempt. $1 tenant_id, $2 kind, $3 keys text[], $4 revisions bigint[],
-- $5 reasons text[], $6 details text[], $7 delays in seconds float8[], $8 doubtful boolean[]: whatever has changed since,
-- $9 seconds for which it may still be carried out float8[]: orders are read back
UPDATE rocksync.item i
   SET resend = i.resend OR o.doubtful, attempted_at = now(),
       late_until = CASE WHEN o.late_s > 0 AND i.kind <> 'order' THEN now() + o.late_s * interval '1 second' ELSE i.late_until END,
       reason = CASE WHEN i.revision = o.revision THEN o.reason ELSE i.reason END,
       detail = CASE WHEN i.revision = o.revision THEN o.detail ELSE i.detail END,
       next_attempt_at = CASE WHEN i.revision = o.revision THEN now() + o.delay_s * interval '1 second'
                              ELSE i.next_attempt_at END
  FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::float8[], $8::boolean[], $9::float8[])
       AS o (key, revision, reason, detail, delay_s, doubtful, late_s)
 WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($3) AND i.key = o.key
   AND (i.revision = o.revision OR o.doubtful);

-- name: announce
-- What is about to be sent of products; nothing, and false is returned, if the lease is not held.
-- $1 tenant_id, $2 kind, $3 token bigint, $4 keys text[], $5 payloads text[] (null: nothing)
WITH held AS MATERIALIZED (SELECT rocksync.hold_lease($1, $2, $3) AS held),
announced AS (
    UPDATE rocksync.item i
       SET sending = o.payload::jsonb
      FROM unnest($4::text[], $5::text[]) AS o (key, payload)
     WHERE (SELECT held FROM held) AND i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($4) AND i.key = o.key)
SELECT held FROM held;

-- name: suspect
-- What was sent under a lease that is lost. $1 tenant_id, $2 kind, $3 keys text[], $4 payloads text[] (null: unknown)
UPDATE rocksync.item i
   SET state = 'pending', reason = 'pending', detail = NULL, resend = true, revision = i.revision + 1, attempts = 0,
       next_attempt_at = now(), changed_at = coalesce(i.changed_at, now()),
       sending = CASE WHEN i.kind = 'product' THEN coalesce(i.sending, o.payload::jsonb) END
  FROM unnest($3::text[], $4::text[]) AS o (key, payload)
 WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($3) AND i.key = o.key;

-- name: doubt
-- Whatever was delivered and not recorded is pending still: it is sent again, even if it equals what was accepted.
-- Products have it noted which of them were being sent, orders are looked at anyway. $1 tenant_id, $2 kind
UPDATE rocksync.item
   SET resend = true
 WHERE tenant_id = $1
   AND kind = $2
   AND kind IN ('price', 'stock')
   AND state = 'pending'
   AND NOT resend;

-- name: dispel_doubt
-- $1 tenant_id, $2 kind
UPDATE rocksync.schedule SET in_doubt = false WHERE tenant_id = $1 AND kind = $2;

-- name: record_held
-- Set aside until an operator approves. $1 tenant_id, $2 kind, $3 keys text[], $4 revisions bigint[], $5 details text[],
-- $6 befores text[], $7 afters text[]
WITH o AS (
    SELECT * FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[]) AS o (key, revision, detail, before, after)),
held AS (
    UPDATE rocksync.item i
       SET state = 'quarantined', reason = 'unconfirmed', detail = o.detail, attempts = 0, attempted_at = now()
      FROM o
     WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($3) AND i.key = o.key AND i.revision = o.revision
    RETURNING i.key, i.revision, o.detail, o.before, o.after)
INSERT INTO rocksync.hold (tenant_id, kind, key, revision, before, after, why)
SELECT $1, $2, held.key, held.revision, held.before::jsonb, held.after::jsonb, held.detail FROM held
    ON CONFLICT (tenant_id, kind, key) DO UPDATE
   SET revision = excluded.revision, before = excluded.before, after = excluded.after, why = excluded.why,
       held_at = now(), decision = NULL, decided_at = NULL, decided_by = NULL;

-- name: approved
-- Revisions of items whose held change may go out. $1 tenant_id bigint, $2 kind text, $3 keys text[]
SELECT key, revision FROM rocksync.hold WHERE tenant_id = $1 AND kind = $2 AND key = ANY ($3) AND decision = 'approved';

-- name: zeroing
-- $1 tenant_id bigint
SELECT count(*) FILTER (WHERE i.accepted IS NOT NULL) AS skus,
       count(*) FILTER (WHERE i.state = 'pending') AS pending,
       (SELECT count(*)
          FROM rocksync.hold h
          JOIN rocksync.item n ON n.tenant_id = h.tenant_id AND n.kind = h.kind AND n.key = h.key AND n.revision = h.revision
         WHERE h.tenant_id = $1 AND h.kind = 'stock' AND h.decision IS NULL AND n.state = 'quarantined') AS held
  FROM rocksync.item i
 WHERE i.tenant_id = $1 AND i.kind = 'stock';

-- name: record_forgotten
-- There is no such thing. $1 tenant_id, $2 kind, $3 keys text[], $4 revisions bigint[]
DELETE FROM rocksync.item i USING unnest($3::text[], $4::bigint[]) AS o (key, revision)
 WHERE i.tenant_id = $1 AND i.kind = $2 AND i.key = ANY ($3) AND i.key = o.key AND i.revision = o.revision;

-- name: offer_revisions
-- Of prices and stocks of products that were never accepted. Tables are found by arrays of keys, whatever the plan was made
-- for. $1 tenant_id bigint, $2 product skus text[]
WITH new AS MATERIALIZED (
    SELECT key FROM rocksync.item WHERE tenant_id = $1 AND kind = 'product' AND key = ANY ($2) AND accepted IS NULL),
sellable AS MATERIALIZED (
    SELECT key FROM new
     UNION ALL
    SELECT sku FROM store.variation WHERE tenant_id = $1 AND product_sku = ANY (ARRAY (SELECT key FROM new)))
SELECT key, kind, revision
  FROM rocksync.item
 WHERE tenant_id = $1 AND kind IN ('price', 'stock') AND key = ANY (ARRAY (SELECT key FROM sellable));

-- name: record_created
-- SKUs that were created with a price and a stock: what the hub holds of them. An item that changed since the revision
-- that went into it, or of which that is unknown, is looked at by its own pass at once. One that did not is when no
-- earlier request of its product, which had a price and a stock as well, may be carried out any more.
-- $1 tenant_id, $2 skus text[], $3 kinds text[], $4 payloads text[], $5 revisions bigint[] (null: unknown), $6 products text[]
INSERT INTO rocksync.item AS i (tenant_id, kind, key, state, reason, changed_at, revision, accepted, accepted_at, late_until,
                                resend, next_attempt_at)
SELECT $1, o.kind, o.sku, CASE WHEN o.revision IS NULL OR p.key IS NOT NULL THEN 'pending' ELSE 'synced' END,
       CASE WHEN o.revision IS NULL OR p.key IS NOT NULL THEN 'pending' ELSE 'in_sync' END,
       CASE WHEN o.revision IS NULL OR p.key IS NOT NULL THEN now() END,
       coalesce(o.revision, 1), o.payload::jsonb, now(), p.late_until, p.key IS NOT NULL,
       coalesce(CASE WHEN o.revision IS NOT NULL THEN p.late_until END, now())
  FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]) AS o (sku, kind, payload, revision, product)
  LEFT JOIN rocksync.item p ON p.tenant_id = $1 AND p.kind = 'product' AND p.key = o.product AND p.key = ANY ($6)
                           AND p.late_until > now()
 ORDER BY o.kind, o.sku -- as folding does
    ON CONFLICT (tenant_id, kind, key) DO UPDATE
   SET accepted = excluded.accepted, accepted_at = excluded.accepted_at, detail = NULL, attempts = 0,
       next_attempt_at = CASE WHEN i.revision = excluded.revision THEN excluded.next_attempt_at ELSE now() END,
       late_until = greatest(excluded.late_until, i.late_until),
       resend = i.resend OR excluded.resend,
       (state, reason, changed_at) = (
           SELECT CASE WHEN same THEN 'synced' ELSE 'pending' END, CASE WHEN same THEN 'in_sync' ELSE 'pending' END,
                  CASE WHEN NOT same THEN coalesce(i.changed_at, now()) END
             FROM (SELECT excluded.state = 'synced' AND i.revision = excluded.revision AND NOT i.resend AS same) r),
       revision = i.revision + 1;

-- name: record_gone
-- SKUs that the hub does not have any more: what it accepted of their prices and stocks. $1 tenant_id, $2 skus text[]
UPDATE rocksync.item
   SET accepted = NULL, accepted_at = NULL
 WHERE tenant_id = $1 AND kind IN ('price', 'stock') AND key = ANY ($2);

-- name: record_lost
-- Products that the hub has lost, or variations of them: what is left of each is looked up there and put right, so what was
-- accepted may be there still. $1 tenant_id, $2 products text[], $3 lost skus text[]
UPDATE rocksync.item
   SET sending = coalesce(sending, accepted),
       accepted = CASE WHEN key <> ALL ($3)
                       THEN jsonb_set(accepted, '{variations}', (
                                SELECT coalesce(jsonb_agg(v), '[]')
                                  FROM jsonb_array_elements(accepted -> 'variations') v
                                 WHERE v ->> 'sku' <> ALL ($3)), false) END,
       accepted_at = CASE WHEN key <> ALL ($3) THEN accepted_at END,
       state = 'pending', reason = 'pending', detail = NULL, revision = revision + 1,
       attempts = 0, next_attempt_at = now(), changed_at = coalesce(changed_at, now())
 WHERE tenant_id = $1 AND kind = 'product' AND key = ANY ($2);

-- name: mark
-- $1 tenant_id, $2 kinds text[], $3 keys text[]
INSERT INTO rocksync.change (tenant_id, kind, key) SELECT $1, o.kind, o.key FROM unnest($2::text[], $3::text[]) AS o (kind, key);

-- name: hurry
-- Let a kind run now instead of at its interval. $1 tenant_id, $2 kind
UPDATE rocksync.schedule SET due_at = now() WHERE tenant_id = $1 AND kind = $2 AND mode <> 'manual' AND due_at > now();

-- name: record_history
-- $1 tenant_id, $2 kind, $3 keys text[], $4 actions text[], $5 statuses int[], $6 reasons text[], $7 details text[],
-- $8 sent text[], $9 took_ms int[]
INSERT INTO rocksync.history (tenant_id, kind, key, action, status, reason, detail, sent, took_ms)
SELECT $1, $2, o.key, o.action, o.status, o.reason, o.detail, o.sent::jsonb, o.took_ms
  FROM unnest($3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::int[])
       AS o (key, action, status, reason, detail, sent, took_ms);

-- name: count_items
-- Items by state, for metrics. $1 tenant_id, $2 kind
INSERT INTO rocksync.item_count (tenant_id, kind, state, items)
SELECT $1, $2, s.state, count(i.key)
  FROM unnest(ARRAY['pending', 'synced', 'skipped', 'quarantined']) AS s (state)
  LEFT JOIN rocksync.item i ON i.tenant_id = $1 AND i.kind = $2 AND i.state = s.state
 GROUP BY s.state
    ON CONFLICT (tenant_id, kind, state) DO UPDATE SET items = excluded.items
 WHERE rocksync.item_count.items <> excluded.items;
