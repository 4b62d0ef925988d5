-- What operators call by SQL says what commands say.

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

-- Who resumes a tenant that was paused as a whole has not decided about kinds that were paused apart: those stay, and it is
-- said. Where only kinds are paused, they are what is resumed, and the audit names them.
CREATE OR REPLACE FUNCTION rocksync.resume_tenant(slug text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t rocksync.tenant := rocksync.tenant_of(slug);
    kinds text[] := ARRAY(SELECT s.kind FROM rocksync.schedule s
                           WHERE s.tenant_id = t.id AND s.paused_until > clock_timestamp() ORDER BY s.kind);
BEGIN
    IF t.status = 'draft' THEN
        RAISE EXCEPTION 'tenant "%" is a draft', t.slug USING HINT = 'rocksync tenant activate ' || t.slug;
    END IF;
    IF t.status <> 'active' THEN
        UPDATE rocksync.tenant SET status = 'active' WHERE id = t.id;
        IF kinds <> '{}' THEN
            RAISE NOTICE 'paused apart, and still so: %', array_to_string(kinds, ', ')
                  USING HINT = format('SELECT rocksync.resume_tenant(%L) once more resumes these too', t.slug);
        END IF;
        PERFORM rocksync.audited('tenant resume', t.id, t.slug);
    ELSE
        UPDATE rocksync.schedule s SET paused_until = NULL, paused_reason = NULL
         WHERE s.tenant_id = t.id AND s.paused_until IS NOT NULL;
        UPDATE rocksync.schedule s SET due_at = clock_timestamp(), backoff_until = NULL
         WHERE s.tenant_id = t.id AND (s.mode <> 'manual' OR s.requested_at IS NOT NULL);
        PERFORM pg_notify('rocksync', 'tenant ' || t.id);
        PERFORM rocksync.audited('tenant resume', t.id, t.slug,
                                 CASE WHEN kinds = '{}' THEN '{}' ELSE jsonb_build_object('kinds', kinds) END);
    END IF;
END $$;
COMMENT ON FUNCTION rocksync.resume_tenant IS
    'Serve a paused tenant, or one that needed credentials, again; of an active one, the kinds that are paused.';

-- Whatever else was written in its place meant on, null and "false" too, and means it by being absent.
SELECT rocksync.audited('tenant set', t.id, t.slug, '{"unset": ["reserve_stock"]}')
  FROM rocksync.tenant t WHERE jsonb_typeof(t.settings -> 'reserve_stock') <> 'boolean';
UPDATE rocksync.tenant SET settings = settings - 'reserve_stock'
 WHERE jsonb_typeof(settings -> 'reserve_stock') <> 'boolean';
ALTER TABLE rocksync.tenant ADD CONSTRAINT tenant_setting_reserve_stock_is_true_or_false
    CHECK (coalesce(jsonb_typeof(settings -> 'reserve_stock'), 'boolean') = 'boolean');
