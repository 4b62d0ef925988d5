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
