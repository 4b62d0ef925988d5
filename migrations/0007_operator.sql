-- What operators decide about single items: changes held for them, what was set aside, and what is to be sent again.

-- A change that a tenant's limits (settings.gate) keep from going out until somebody approves it. The item is
-- quarantined meanwhile; the row counts only as long as the item is at its revision: any change of it is judged anew.
CREATE TABLE rocksync.hold (
    tenant_id  bigint NOT NULL REFERENCES rocksync.tenant ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('price', 'stock')),
    key        text NOT NULL,
    revision   bigint NOT NULL,
    before     jsonb NOT NULL,
    after      jsonb NOT NULL,
    why        text NOT NULL,
    held_at    timestamptz NOT NULL DEFAULT now(),
    decision   text CHECK (decision IN ('approved', 'rejected')),
    decided_at timestamptz,
    decided_by text,
    PRIMARY KEY (tenant_id, kind, key)
);
COMMENT ON TABLE rocksync.hold IS 'Changes held for an operator: what Plugg.to has (before), what the store wants (after).';
COMMENT ON COLUMN rocksync.hold.revision IS 'Revision of the item that was held, or that was approved; another one: this row counts no more.';
COMMENT ON COLUMN rocksync.hold.decision IS 'Null: open. approved: goes out with its next pass. rejected: Plugg.to keeps what it has.';

-- Let a kind run now, unless it runs on request only.
CREATE FUNCTION rocksync.hurry(only_tenant bigint, kinds text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE rocksync.schedule s
       SET due_at = clock_timestamp()
      FROM rocksync.tenant t
     WHERE t.id = s.tenant_id AND t.status = 'active' AND s.tenant_id = only_tenant AND s.kind = ANY (kinds)
       AND (s.mode <> 'manual' OR s.requested_at IS NOT NULL)
       AND (s.due_at IS NULL OR s.due_at > clock_timestamp())
$$;
COMMENT ON FUNCTION rocksync.hurry IS 'Let kinds of a tenant run now instead of at their interval.';

-- What is wrong with mappers, as running workers see it: a broken new version is refused and the one before stays in use.
CREATE TABLE rocksync.mapper_fault (
    worker text NOT NULL REFERENCES rocksync.worker ON DELETE CASCADE,
    name   text NOT NULL,
    detail text NOT NULL,
    since  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (worker, name)
);
COMMENT ON TABLE rocksync.mapper_fault IS 'Mappers that a running worker refuses, with file and line.';

-- One word for why a tenant and kind is where it is; what stops all of it comes before what stops some of it.
CREATE FUNCTION rocksync.cause(
    status text, is_paused boolean, failure_reason text, pending bigint, waits_for_request boolean, reason text,
    quarantine_reason text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN status = 'draft' THEN 'draft'
                WHEN status = 'paused' THEN 'tenant_paused'
                WHEN status = 'needs_credentials' THEN 'needs_credentials'
                WHEN is_paused THEN 'tenant_paused'
                WHEN failure_reason IS NOT NULL THEN failure_reason
                WHEN pending = 0 THEN coalesce(quarantine_reason, 'in_sync')
                WHEN waits_for_request THEN 'kind_manual'
                ELSE coalesce(reason, 'pending') END
$$;
COMMENT ON FUNCTION rocksync.cause IS 'Reason code of a tenant and kind, or draft.';

CREATE OR REPLACE VIEW rocksync.lag AS
SELECT t.slug AS tenant, s.kind,
       CASE WHEN t.status = 'draft' THEN 0
            ELSE coalesce(greatest(extract(epoch FROM clock_timestamp() - least(i.oldest, c.oldest)), 0), 0)
       END::double precision AS lag_s,
       CASE WHEN t.status = 'draft' THEN NULL
            ELSE extract(epoch FROM clock_timestamp() - coalesce(s.last_completed_at, t.activated_at)) END::double precision AS staleness_s,
       coalesce(i.items, 0) + coalesce(c.items, 0) AS pending,
       coalesce(q.items, 0) AS quarantined,
       rocksync.cause(t.status, s.paused_until > clock_timestamp(), s.failure_reason, coalesce(i.items, 0) + coalesce(c.items, 0),
                      s.mode = 'manual' AND s.requested_at IS NULL, i.reason, q.reason) AS cause
  FROM rocksync.tenant t
  JOIN rocksync.schedule s ON s.tenant_id = t.id
  LEFT JOIN LATERAL (SELECT min(i.changed_at) AS oldest, count(*) AS items, min(i.reason) AS reason FROM rocksync.item i
                      WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'pending') i ON true
  LEFT JOIN LATERAL (SELECT min(c.changed_at) AS oldest, count(DISTINCT c.key) AS items FROM rocksync.change c
                      WHERE c.tenant_id = s.tenant_id AND c.kind = s.kind) c ON true
  LEFT JOIN LATERAL (SELECT count(*) AS items, mode() WITHIN GROUP (ORDER BY i.reason) AS reason FROM rocksync.item i
                      WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'quarantined') q ON true;
