-- What operators write by SQL is refused as commands refuse it.

-- By SQL as by command: activating is for drafts. Whoever paused a tenant, or has yet to bring its credentials, is not
-- overruled by it.
CREATE OR REPLACE FUNCTION rocksync.activate_tenant(slug text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
BEGIN
    IF t.status = 'paused' THEN
        RAISE EXCEPTION 'tenant "%" is paused (%)', t.slug, t.status_reason
              USING HINT = 'rocksync tenant resume ' || t.slug;
    END IF;
    IF t.status = 'needs_credentials' THEN
        RAISE EXCEPTION 'tenant "%" needs credentials', t.slug
              USING HINT = 'rocksync tenant credentials ' || t.slug;
    END IF;
    IF NOT EXISTS (SELECT FROM rocksync.credential c WHERE c.tenant_id = t.id)
       AND NOT EXISTS (SELECT FROM rocksync.credential_inbox c WHERE c.tenant_id = t.id) THEN
        RAISE EXCEPTION 'tenant "%" has no credentials', t.slug
              USING HINT = 'rocksync tenant credentials ' || t.slug;
    END IF;
    UPDATE rocksync.tenant SET status = 'active' WHERE id = t.id;
    PERFORM rocksync.mark_all(t.id, ARRAY['product', 'price', 'stock']);
    PERFORM rocksync.audited('tenant activate', t.id, t.slug);
END $$;
