-- An item that waits, a refused one, and whose row changes again is one item that waits, not two: keys are counted, not the
-- rows that tell of them.
CREATE OR REPLACE VIEW rocksync.lag AS
SELECT t.slug AS tenant, s.kind,
       CASE WHEN t.status = 'draft' THEN 0
            ELSE coalesce(greatest(extract(epoch FROM clock_timestamp() - w.oldest), 0), 0)
       END::double precision AS lag_s,
       CASE WHEN t.status = 'draft' THEN NULL
            ELSE extract(epoch FROM clock_timestamp() - coalesce(s.last_completed_at, t.activated_at)) END::double precision AS staleness_s,
       w.items AS pending,
       coalesce(q.items, 0) AS quarantined,
       rocksync.cause(t.status, s.paused_until > clock_timestamp(), s.failure_reason, w.items,
                      s.mode = 'manual' AND s.requested_at IS NULL, w.reason, q.reason) AS cause
  FROM rocksync.tenant t
  JOIN rocksync.schedule s ON s.tenant_id = t.id
  LEFT JOIN LATERAL (
       SELECT min(each.oldest) AS oldest, count(*) AS items, min(each.reason) AS reason
         FROM (SELECT told.key, min(told.changed_at) AS oldest, min(told.reason) AS reason
                 FROM (SELECT i.key, i.changed_at, i.reason FROM rocksync.item i
                        WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'pending'
                       UNION ALL
                       SELECT c.key, c.changed_at, NULL FROM rocksync.change c
                        WHERE c.tenant_id = s.tenant_id AND c.kind = s.kind) told
                GROUP BY told.key) each) w ON true
  LEFT JOIN LATERAL (SELECT count(*) AS items, mode() WITHIN GROUP (ORDER BY i.reason) AS reason FROM rocksync.item i
                      WHERE i.tenant_id = s.tenant_id AND i.kind = s.kind AND i.state = 'quarantined') q ON true;
COMMENT ON COLUMN rocksync.lag.pending IS
    'Items not yet delivered, each counted once; also those of changes that no pass has taken up yet (rocksync.change).';
COMMENT ON COLUMN rocksync.item.state IS
    'pending: to be delivered; synced: Plugg.to holds it; skipped: not to be sent as it is; quarantined: set aside. A change that no pass has taken up yet is in rocksync.change and counted in rocksync.lag: of a paused or manual kind the state is as before until its next pass.';
COMMENT ON COLUMN rocksync.item.changed_at IS
    'When the oldest change that is not delivered happened; null when none. Changes that no pass has taken up yet are in rocksync.change and counted in rocksync.lag.';
