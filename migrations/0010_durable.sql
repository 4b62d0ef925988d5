-- What a worker has told Plugg.to, and is about to tell, must survive a crash of the server: lost, a price or stock that the
-- store has set back meanwhile would pass for one that Plugg.to holds already. So whether a transaction may be lost is said by
-- what it records, and no longer by its kind.
CREATE OR REPLACE FUNCTION rocksync.hold_lease(tenant_id bigint, kind text, token bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', '5s', true), set_config('rocksync.writer', 'worker', true);
    PERFORM FROM rocksync.schedule s
      WHERE s.tenant_id = hold_lease.tenant_id AND s.kind = hold_lease.kind AND s.lease_token = hold_lease.token
        FOR SHARE;
    RETURN FOUND;
END $$;
