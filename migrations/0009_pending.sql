-- Whoever makes an item pending by SQL need not know that the time of its change goes with it: without one it would
-- wait for ever, as items are delivered by the time of their change.
CREATE FUNCTION rocksync.date_pending() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.changed_at := statement_timestamp();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rocksync.date_pending IS 'Trigger: an item that is pending has a time of its oldest change.';
CREATE TRIGGER date_pending BEFORE INSERT OR UPDATE ON rocksync.item
    FOR EACH ROW WHEN (NEW.state = 'pending' AND NEW.changed_at IS NULL) EXECUTE FUNCTION rocksync.date_pending();

UPDATE rocksync.item SET changed_at = now() WHERE state = 'pending' AND changed_at IS NULL;
