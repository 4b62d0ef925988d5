-- Tenants, their schedules and credentials: what operators write, by SQL or by CLI.

CREATE SCHEMA IF NOT EXISTS rocksync;

CREATE TABLE rocksync.tenant (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug          text NOT NULL UNIQUE
                  CONSTRAINT tenant_slug_is_lower_case_letters_digits_hyphens CHECK (slug ~ '^[a-z0-9][a-z0-9-]*$'),
    name          text NOT NULL CONSTRAINT tenant_name_is_not_blank CHECK (btrim(name) <> ''),
    domain        text NOT NULL CONSTRAINT tenant_domain_is_a_host_name CHECK (domain ~ '^[^\s/:@]+(:[0-9]+)?$'),
    status        text NOT NULL DEFAULT 'draft'
                  CONSTRAINT tenant_status_is_known CHECK (status IN ('draft', 'active', 'paused', 'needs_credentials')),
    status_reason text,
    paused_until  timestamptz,
    mappers       text[] NOT NULL DEFAULT '{}'
                  CONSTRAINT tenant_mappers_hold_no_null CHECK (array_position(mappers, NULL) IS NULL),
    settings      jsonb NOT NULL DEFAULT '{}'
                  CONSTRAINT tenant_settings_is_an_object CHECK (jsonb_typeof(settings) = 'object'),
    orders_since  timestamptz,
    hub_user      text,
    revision      bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    activated_at  timestamptz
);

COMMENT ON TABLE rocksync.tenant IS 'One client''s store: the unit that is onboarded, scheduled, leased, paused and measured.';
COMMENT ON COLUMN rocksync.tenant.slug IS 'Short name in commands, metrics and mapper file names.';
COMMENT ON COLUMN rocksync.tenant.domain IS 'Host name of the store, without scheme or path.';
COMMENT ON COLUMN rocksync.tenant.status IS 'draft: never activated; active: served; paused: by an operator; needs_credentials: Plugg.to refused them.';
COMMENT ON COLUMN rocksync.tenant.status_reason IS 'Why the status is what it is, for people.';
COMMENT ON COLUMN rocksync.tenant.paused_until IS 'When a pause ends by itself; null: when somebody resumes it.';
COMMENT ON COLUMN rocksync.tenant.mappers IS 'Names of shared mappers in the order they run, before the one named like the slug.';
COMMENT ON COLUMN rocksync.tenant.settings IS 'Settings of this tenant: those of rocksync (reserve_stock, …) and of its mappers.';
COMMENT ON COLUMN rocksync.tenant.orders_since IS 'Orders placed before this are not imported; set at activation.';
COMMENT ON COLUMN rocksync.tenant.hub_user IS 'Plugg.to''s number of the owner, as seen on its orders; notifications carry it.';
COMMENT ON COLUMN rocksync.tenant.revision IS 'Grows with every change of mappers or settings: what was mapped under an older one is mapped again.';

-- Settings of the running workers that SQL needs as well: they are written by every worker that starts.
CREATE TABLE rocksync.default_interval (
    kind  text PRIMARY KEY CHECK (kind IN ('product', 'price', 'stock', 'order')),
    every interval NOT NULL CHECK (every > interval '0')
);
COMMENT ON TABLE rocksync.default_interval IS 'The interval of a kind for tenants that chose none.';
INSERT INTO rocksync.default_interval VALUES
    ('product', '10 minutes'), ('price', '10 minutes'), ('stock', '5 minutes'), ('order', '2 minutes');

CREATE TABLE rocksync.schedule (
    tenant_id         bigint NOT NULL REFERENCES rocksync.tenant ON DELETE CASCADE,
    kind              text NOT NULL CONSTRAINT schedule_kind_is_known CHECK (kind IN ('product', 'price', 'stock', 'order')),
    mode              text NOT NULL DEFAULT 'automatic'
                      CONSTRAINT schedule_mode_is_known CHECK (mode IN ('automatic', 'manual', 'immediate')),
    every             interval CONSTRAINT schedule_every_is_between_10_seconds_and_30_days
                      CHECK (every BETWEEN interval '10 seconds' AND interval '30 days'),
    due_at            timestamptz,
    requested_at      timestamptz,
    last_started_at   timestamptz,
    last_completed_at timestamptz,
    paused_until      timestamptz,
    paused_reason     text,
    backoff_until     timestamptz,
    failures          integer NOT NULL DEFAULT 0,
    failure           text,
    failure_reason    text,
    lease_worker      text,
    lease_token       bigint NOT NULL DEFAULT 0,
    leased_until      timestamptz,
    in_doubt          boolean NOT NULL DEFAULT false,
    mapper_version    text,
    watermark         timestamptz,
    reconciled_at     timestamptz,
    PRIMARY KEY (tenant_id, kind)
) WITH (fillfactor = 70);

CREATE INDEX schedule_due ON rocksync.schedule (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX schedule_leased ON rocksync.schedule (lease_worker) WHERE lease_worker IS NOT NULL;
CREATE INDEX schedule_immediate ON rocksync.schedule (tenant_id, kind) WHERE mode = 'immediate';

COMMENT ON TABLE rocksync.schedule IS 'When one tenant and kind runs, and who runs it now.';
COMMENT ON COLUMN rocksync.schedule.mode IS 'automatic: at its interval; manual: only on request; immediate: also within seconds of a change.';
COMMENT ON COLUMN rocksync.schedule.every IS 'The interval; null: the default of the kind.';
COMMENT ON COLUMN rocksync.schedule.due_at IS 'When the next pass may start; null: not until something asks for it.';
COMMENT ON COLUMN rocksync.schedule.requested_at IS 'When somebody last asked for a pass that has not completed since.';
COMMENT ON COLUMN rocksync.schedule.paused_until IS 'This kind is paused until then; infinity: until somebody resumes it.';
COMMENT ON COLUMN rocksync.schedule.backoff_until IS 'After a failed pass: no new one before this.';
COMMENT ON COLUMN rocksync.schedule.failures IS 'Passes that failed one after another; 0 after one that did not.';
COMMENT ON COLUMN rocksync.schedule.failure_reason IS 'Reason code of the last failed pass; null when the last one did not fail.';
COMMENT ON COLUMN rocksync.schedule.lease_worker IS 'The worker that runs the pass now.';
COMMENT ON COLUMN rocksync.schedule.lease_token IS 'Fencing token: grows with every claim; every write of a pass names it.';
COMMENT ON COLUMN rocksync.schedule.in_doubt IS 'A pass ended without recording all that it delivered: pending items are sent whatever was accepted.';
COMMENT ON COLUMN rocksync.schedule.mapper_version IS 'What the items of this kind were last mapped with; another one maps them again.';
COMMENT ON COLUMN rocksync.schedule.watermark IS 'Orders: the largest modification time seen at Plugg.to.';
COMMENT ON COLUMN rocksync.schedule.reconciled_at IS 'Orders: when the last days were last read again.';

-- Credentials, sealed with AES-256-GCM by the worker or the CLI; the database never holds the key.
CREATE TABLE rocksync.credential (
    tenant_id  bigint PRIMARY KEY REFERENCES rocksync.tenant ON DELETE CASCADE,
    sealed     bytea NOT NULL,
    sealed_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rocksync.credential IS 'Plugg.to credentials of a tenant, sealed; bound to the tenant''s id.';

-- What SQL onboarding hands in. A running worker seals it within seconds, deletes it and vacuums this table.
CREATE TABLE rocksync.credential_inbox (
    tenant_id     bigint PRIMARY KEY REFERENCES rocksync.tenant ON DELETE CASCADE,
    client_id     text NOT NULL CONSTRAINT credential_client_id_is_not_blank CHECK (btrim(client_id) <> ''),
    client_secret text NOT NULL CONSTRAINT credential_client_secret_is_not_blank CHECK (btrim(client_secret) <> ''),
    api_user      text NOT NULL CONSTRAINT credential_api_user_is_not_blank CHECK (btrim(api_user) <> ''),
    api_secret    text NOT NULL CONSTRAINT credential_api_secret_is_not_blank CHECK (btrim(api_secret) <> ''),
    handed_in_at  timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
COMMENT ON TABLE rocksync.credential_inbox IS 'Credentials on their way to being sealed: plain text, or the text that "rocksync secrets seal" prints.';

CREATE TABLE rocksync.worker (
    name       text PRIMARY KEY,
    version    text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rocksync.worker IS 'Workers that run or ran lately; seen_at is their heartbeat.';

CREATE TABLE rocksync.audit (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    who       text NOT NULL,
    action    text NOT NULL,
    tenant_id bigint,
    slug      text,
    what      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_tenant ON rocksync.audit (tenant_id, at);
COMMENT ON TABLE rocksync.audit IS 'Every change by an operator: who, when, what. Holds no secret.';
