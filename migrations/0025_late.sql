-- A request that was not answered in time may be carried out after later ones. Until that can be no more, what is accepted
-- is sent once more at the end.
ALTER TABLE rocksync.item ADD COLUMN late_until timestamptz;
COMMENT ON COLUMN rocksync.item.late_until IS
    'Until when a request that was not answered may still be carried out by Plugg.to: what it accepts before is sent once more then. Null: none.';
