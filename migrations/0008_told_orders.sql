-- Import failures that were told in the log of the order at Plugg.to (settings.tell_orders), so that each is told once.
CREATE TABLE rocksync.told_order (
    tenant_id bigint NOT NULL REFERENCES rocksync.tenant ON DELETE CASCADE,
    order_id  text NOT NULL,
    reason    text NOT NULL,
    told_at   timestamptz NOT NULL DEFAULT now(),
    solved_at timestamptz,
    PRIMARY KEY (tenant_id, order_id)
);
CREATE INDEX told_order_unsolved ON rocksync.told_order (tenant_id) WHERE solved_at IS NULL;
COMMENT ON TABLE rocksync.told_order IS 'Orders of which Plugg.to''s log says that they could not be imported.';
COMMENT ON COLUMN rocksync.told_order.order_id IS 'Plugg.to''s id.';
COMMENT ON COLUMN rocksync.told_order.reason IS 'Reason code that was told.';
COMMENT ON COLUMN rocksync.told_order.solved_at IS 'When the log was told that the order is imported; null: not yet.';
