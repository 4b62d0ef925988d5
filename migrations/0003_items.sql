-- What the worker keeps: changes not folded yet, the desired state of every item, orders seen at Plugg.to,
-- reservations, and what was sent and answered.

-- The outbox. Append-only for the platform, taken away by folding. It has no foreign key and no unique key, so a
-- platform transaction that stays open blocks no worker.
CREATE TABLE rocksync.change (
    tenant_id  bigint NOT NULL,
    kind       text NOT NULL,
    key        text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT statement_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX change_tenant_kind ON rocksync.change (tenant_id, kind, changed_at);
COMMENT ON TABLE rocksync.change IS 'One row for each changed key and statement, until a pass folds it into an item.';

CREATE TABLE rocksync.item (
    tenant_id       bigint NOT NULL REFERENCES rocksync.tenant ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('product', 'price', 'stock', 'order')),
    key             text NOT NULL,
    state           text NOT NULL CHECK (state IN ('pending', 'synced', 'skipped', 'quarantined')),
    reason          text NOT NULL CHECK (reason IN (
                        'in_sync', 'pending', 'inactive', 'not_selected', 'missing_price', 'missing_stock', 'invalid_item',
                        'unknown_sku', 'sku_conflict', 'rejected', 'mapper_error', 'mapper_timeout', 'invalid_invoice',
                        'ambiguous_shipment', 'status_conflict', 'hub_unavailable', 'rate_limited', 'tenant_paused',
                        'kind_manual', 'needs_credentials', 'unconfirmed')),
    detail          text,
    changed_at      timestamptz,
    revision        bigint NOT NULL DEFAULT 1,
    resend          boolean NOT NULL DEFAULT false,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    attempted_at    timestamptz,
    accepted        jsonb,
    accepted_at     timestamptz,
    sending         jsonb,
    PRIMARY KEY (tenant_id, kind, key)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX item_pending ON rocksync.item (tenant_id, kind, changed_at, key) WHERE state = 'pending';
CREATE INDEX item_set_aside ON rocksync.item (tenant_id, kind, state, reason) WHERE state IN ('quarantined', 'skipped');
COMMENT ON TABLE rocksync.item IS 'Desired state, one row for each thing of a kind: not a log.';
COMMENT ON COLUMN rocksync.item.key IS 'product: (parent) SKU; price, stock: sellable SKU; order: Plugg.to id.';
COMMENT ON COLUMN rocksync.item.state IS 'pending: to be delivered; synced: Plugg.to holds it; skipped: not to be sent as it is; quarantined: set aside.';
COMMENT ON COLUMN rocksync.item.reason IS 'Reason code, see docs/reasons.md.';
COMMENT ON COLUMN rocksync.item.changed_at IS 'When the oldest change that is not delivered happened; null when none.';
COMMENT ON COLUMN rocksync.item.revision IS 'Grows with every change: an outcome recorded for an older one leaves the item pending.';
COMMENT ON COLUMN rocksync.item.resend IS 'Send although the payload equals the last accepted one.';
COMMENT ON COLUMN rocksync.item.attempts IS 'Attempts refused since the last change.';
COMMENT ON COLUMN rocksync.item.accepted IS 'The payload Plugg.to last accepted.';
COMMENT ON COLUMN rocksync.item.sending IS 'Products: what was about to be sent and is not recorded as accepted; Plugg.to may hold any of it. Null: nothing.';

CREATE TABLE rocksync.hub_order (
    tenant_id    bigint NOT NULL REFERENCES rocksync.tenant ON DELETE CASCADE,
    id           text NOT NULL,
    status       text NOT NULL,
    modified_at  timestamptz,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    digest       bytea NOT NULL,
    document     text,
    missing_skus text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX hub_order_parked ON rocksync.hub_order (tenant_id) WHERE missing_skus <> '{}';
CREATE INDEX hub_order_documents ON rocksync.hub_order (tenant_id) WHERE document IS NOT NULL;
COMMENT ON TABLE rocksync.hub_order IS 'Orders as Plugg.to last showed them.';
COMMENT ON COLUMN rocksync.hub_order.status IS 'As Plugg.to spells it, known or not.';
COMMENT ON COLUMN rocksync.hub_order.digest IS 'SHA-256 of the document: the same one again is not looked at.';
COMMENT ON COLUMN rocksync.hub_order.document IS 'The whole order as JSON text, which may hold what jsonb refuses; null once nothing is left to do with it.';
COMMENT ON COLUMN rocksync.hub_order.missing_skus IS 'SKUs of its lines that the store does not know: the order waits for them.';

-- Stock that orders hold. The worker never waits for a stock row that the platform has locked: the reservation stands
-- here at once, and is settled into store.stock when the row is free.
CREATE TABLE rocksync.reservation (
    tenant_id bigint NOT NULL REFERENCES rocksync.tenant ON DELETE CASCADE,
    order_id  bigint NOT NULL,
    sku       text NOT NULL,
    quantity  integer NOT NULL CHECK (quantity > 0),
    settled   text NOT NULL DEFAULT 'none' CHECK (settled IN ('none', 'reserved', 'taken', 'released')),
    wanted    text NOT NULL CHECK (wanted IN ('reserved', 'taken', 'released')),
    PRIMARY KEY (tenant_id, order_id, sku)
);
CREATE INDEX reservation_unsettled ON rocksync.reservation (tenant_id, sku) WHERE settled <> wanted;
COMMENT ON TABLE rocksync.reservation IS 'Stock held by an order: reserved, taken off hand by its invoice, or released by its cancellation.';
COMMENT ON COLUMN rocksync.reservation.settled IS 'What store.stock already shows.';
COMMENT ON COLUMN rocksync.reservation.wanted IS 'What store.stock is to show.';

CREATE TABLE rocksync.history (
    tenant_id bigint NOT NULL,
    kind      text NOT NULL,
    key       text NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    action    text NOT NULL,
    status    integer,
    reason    text NOT NULL,
    detail    text,
    sent      jsonb,
    took_ms   integer
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX history_key ON rocksync.history (tenant_id, kind, key, at);
CREATE INDEX history_at ON rocksync.history USING brin (at);
COMMENT ON TABLE rocksync.history IS 'What was sent and answered. Holds no secret and no buyer''s data; old rows are deleted.';
COMMENT ON COLUMN rocksync.history.action IS 'What was done, in one word: update, create, import, approve, invoice, …';
COMMENT ON COLUMN rocksync.history.status IS 'HTTP status of the last answer; null when there was none.';
COMMENT ON COLUMN rocksync.history.took_ms IS 'Milliseconds from the first request to the last answer.';

CREATE TABLE rocksync.item_count (
    tenant_id bigint NOT NULL REFERENCES rocksync.tenant ON DELETE CASCADE,
    kind      text NOT NULL,
    state     text NOT NULL,
    items     bigint NOT NULL,
    PRIMARY KEY (tenant_id, kind, state)
);
COMMENT ON TABLE rocksync.item_count IS 'Items by state as counted at the end of the last pass that changed any: what metrics read.';
