import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from rocksync.domain.errors import MisuseError, TenantError
from rocksync.domain.tenancy import Credentials, Kind, Lease, Mode, TenantId, TenantStatus
from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.tenants import NewTenant, Tenants
from rocksync.postgres.vault import Vault, new_key

CREDENTIALS = Credentials(client_id="id", client_secret="s3cret-a", api_user="user", api_secret="s3cret-b")
PANELA = NewTenant(slug="casa-da-panela", name="Casa da Panela", domain="casadapanela.com.br")


@pytest.fixture
def vault() -> Vault:
    return Vault([new_key()])


@pytest.fixture
def tenants(pool: asyncpg.Pool) -> Tenants:
    return Tenants(pool, operator="ana")


async def audited(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    return [tuple(row) for row in await pool.fetch("SELECT who, action FROM rocksync.audit ORDER BY id")]


async def test_a_tenant_is_added_as_a_draft_with_sealed_credentials(pool: asyncpg.Pool, tenants: Tenants, vault: Vault):
    new = NewTenant(slug="acme", name="Acme", domain="acme.test", mappers=["kits"], settings={"buffer": 2})

    tenant = await tenants.add(new, CREDENTIALS, vault)

    row = await tenants.get("acme")
    assert (row.tenant.id, row.status, row.tenant.mappers) == (tenant, TenantStatus.DRAFT, ("kits",))
    assert row.tenant.settings == {"buffer": 2}
    assert await CredentialStore(pool, vault).get(tenant) == CREDENTIALS
    assert [each.kind for each in await tenants.schedules(tenant)] == list(Kind)
    assert await audited(pool) == [("ana", "tenant add")]


@pytest.mark.parametrize(
    ("new", "complaint"),
    [
        (NewTenant(slug="Casa", name="x", domain="a.b"), "a slug is of lower-case letters"),
        (NewTenant(slug="casa", name=" ", domain="a.b"), "the name must not be blank"),
        (NewTenant(slug="casa", name="x", domain="https://a.b/"), "the domain is a host name"),
        (
            NewTenant(slug="casa", name="x", domain="a.b", settings={"reserve_stock": "false"}),
            "is true or false, without",
        ),
        (NewTenant(slug="casa", name="x\0", domain="a.b"), "a character that cannot be stored"),
    ],
)
async def test_what_breaks_a_rule_is_refused_in_words(
    pool: asyncpg.Pool, tenants: Tenants, vault: Vault, new: NewTenant, complaint: str
):
    with pytest.raises(MisuseError, match=complaint):
        await tenants.add(new, CREDENTIALS, vault)

    assert await pool.fetchval("SELECT count(*) FROM rocksync.tenant") == 0


async def test_a_slug_is_taken_once(tenants: Tenants, vault: Vault):
    await tenants.add(PANELA, CREDENTIALS, vault)

    with pytest.raises(MisuseError, match="there is a tenant of that slug already"):
        await tenants.add(PANELA, CREDENTIALS, vault)


async def test_a_slug_that_is_not_there_is_met_with_the_nearest(tenants: Tenants, vault: Vault):
    await tenants.add(PANELA, CREDENTIALS, vault)

    with pytest.raises(MisuseError, match="did you mean casa-da-panela"):
        await tenants.get("casa-da-panella")


async def test_settings_are_added_and_dropped_and_the_rest_stays(tenants: Tenants, vault: Vault):
    await tenants.add(NewTenant(slug="a", name="A", domain="a.b", settings={"x": 1, "y": 2}), CREDENTIALS, vault)

    await tenants.set("a", name="B", settings={"z": [3]}, unset=["x"])

    row = await tenants.get("a")
    assert (row.tenant.name, row.tenant.domain, row.tenant.settings) == ("B", "a.b", {"y": 2, "z": [3]})
    assert row.tenant.revision == 2


async def test_an_activated_tenant_has_its_whole_catalogue_pending(pool: asyncpg.Pool, tenants: Tenants, vault: Vault):
    tenant = await tenants.add(PANELA, CREDENTIALS, vault)
    await pool.execute("INSERT INTO store.product (tenant_id, sku, name) VALUES ($1, 'P1', 'Panela')", tenant)
    since = datetime(2026, 1, 2, tzinfo=UTC)

    await tenants.activate("casa-da-panela", orders_since=since)

    row = await tenants.get("casa-da-panela")
    assert (row.status, row.tenant.orders_since) == (TenantStatus.ACTIVE, since)
    assert row.activated_at is not None
    assert await pool.fetchval("SELECT count(*) FROM rocksync.change WHERE key = 'P1' AND kind = 'product'") == 2


async def test_a_tenant_is_paused_until_a_time_and_resumed(pool: asyncpg.Pool, tenants: Tenants, vault: Vault):
    await tenants.add(PANELA, CREDENTIALS, vault)
    await tenants.activate("casa-da-panela")
    until = datetime.now(UTC) + timedelta(hours=1)

    await tenants.pause("casa-da-panela", "inventory", until=until)

    row = await tenants.get("casa-da-panela")
    assert (row.status, row.status_reason, row.paused_until) == (TenantStatus.PAUSED, "inventory", until)

    await tenants.resume("casa-da-panela")

    assert (await tenants.get("casa-da-panela")).status is TenantStatus.ACTIVE
    assert [action for _, action in await audited(pool)][-2:] == ["tenant pause", "tenant resume"]


async def test_one_kind_is_paused_while_the_others_go_on(tenants: Tenants, vault: Vault):
    tenant = await tenants.add(PANELA, CREDENTIALS, vault)
    await tenants.activate("casa-da-panela")

    await tenants.pause("casa-da-panela", "counting", kinds=[Kind.STOCK])

    paused = {each.kind for each in await tenants.schedules(tenant) if each.is_paused}
    assert paused == {Kind.STOCK}
    assert (await tenants.get("casa-da-panela")).status is TenantStatus.ACTIVE

    await tenants.resume("casa-da-panela", kinds=[Kind.STOCK])

    assert not any(each.is_paused for each in await tenants.schedules(tenant))


async def test_a_draft_cannot_be_paused_resumed_or_synchronised(tenants: Tenants, vault: Vault):
    await tenants.add(PANELA, CREDENTIALS, vault)

    with pytest.raises(MisuseError, match="is a draft"):
        await tenants.pause("casa-da-panela", "x")
    with pytest.raises(MisuseError, match="is a draft"):
        await tenants.pause("casa-da-panela", "x", kinds=[Kind.PRICE])
    with pytest.raises(MisuseError, match="is a draft"):
        await tenants.resume("casa-da-panela")
    with pytest.raises(MisuseError, match="tenant activate casa-da-panela"):
        await tenants.request_sync("casa-da-panela", [Kind.PRICE])


async def test_a_schedule_follows_the_client(tenants: Tenants, vault: Vault):
    tenant = await tenants.add(PANELA, CREDENTIALS, vault)

    await tenants.set_schedule("casa-da-panela", Kind.STOCK, Mode.IMMEDIATE, timedelta(minutes=1))

    stock = {each.kind: each for each in await tenants.schedules(tenant)}[Kind.STOCK]
    assert (stock.mode, stock.every, stock.interval) == (Mode.IMMEDIATE, timedelta(minutes=1), timedelta(minutes=1))
    with pytest.raises(MisuseError, match="between 10s and 30d"):
        await tenants.set_schedule("casa-da-panela", Kind.STOCK, Mode.AUTOMATIC, timedelta(seconds=1))


async def test_all_items_are_marked_before_a_requested_pass(pool: asyncpg.Pool, tenants: Tenants, vault: Vault):
    tenant = await tenants.add(PANELA, CREDENTIALS, vault)
    await pool.execute("INSERT INTO store.price (tenant_id, sku, price) VALUES ($1, 'P1', 10)", tenant)
    await tenants.activate("casa-da-panela")
    await pool.execute("DELETE FROM rocksync.change")

    await tenants.request_sync("casa-da-panela", [Kind.PRICE], all_items=True)

    assert [tuple(row) for row in await pool.fetch("SELECT kind, key FROM rocksync.change")] == [("price", "P1")]
    requested = [
        each["kind"] for each in await pool.fetch("SELECT kind FROM rocksync.schedule WHERE requested_at > '-infinity'")
    ]
    assert requested == ["price"]


async def test_a_tenant_is_stopped_only_while_it_is_active(tenants: Tenants, vault: Vault):
    await tenants.add(PANELA, CREDENTIALS, vault)
    tenant = (await tenants.get("casa-da-panela")).tenant
    lease = Lease(tenant=tenant, kind=Kind.STOCK, mode=Mode.AUTOMATIC, token=1)

    await tenants.stop(lease, TenantError("refused"))
    draft = await tenants.get("casa-da-panela")
    await tenants.activate("casa-da-panela")
    await tenants.stop(lease, TenantError("refused"))

    row = await tenants.get("casa-da-panela")
    assert draft.status is TenantStatus.DRAFT
    assert (row.status, row.status_reason) == (TenantStatus.NEEDS_CREDENTIALS, "refused")


@pytest.mark.parametrize("with_store", [False, True])
async def test_a_removed_tenant_leaves_its_store_unless_told(
    pool: asyncpg.Pool, tenants: Tenants, vault: Vault, with_store: bool
):
    tenant = await tenants.add(PANELA, CREDENTIALS, vault)
    other = await tenants.add(NewTenant(slug="b", name="B", domain="b.c"), CREDENTIALS, vault)
    for each in (tenant, other):
        await pool.execute("INSERT INTO store.product (tenant_id, sku) VALUES ($1, 'P1')", each)
        await pool.execute("INSERT INTO rocksync.replaced_stock (tenant_id, sku) VALUES ($1, 'P1')", each)

    await tenants.remove("casa-da-panela", with_store=with_store)

    owners = [row["tenant_id"] for row in await pool.fetch("SELECT tenant_id FROM store.product ORDER BY 1")]
    assert owners == ([other] if with_store else [tenant, other])
    for table in (
        "tenant WHERE id",
        "credential WHERE tenant_id",
        "schedule WHERE tenant_id",
        "change WHERE tenant_id",
        "replaced_stock WHERE tenant_id",
    ):
        assert await pool.fetchval(f"SELECT count(*) FROM rocksync.{table} = $1", tenant) == 0
    assert (await audited(pool))[-1] == ("ana", "tenant remove")


async def test_a_store_of_views_is_left_to_the_platform(pool: asyncpg.Pool, tenants: Tenants, vault: Vault):
    await tenants.add(PANELA, CREDENTIALS, vault)
    await pool.execute(
        """ALTER TABLE store.stock RENAME TO warehouse;
           CREATE VIEW store.stock AS
           SELECT tenant_id, sku, sum(on_hand)::int AS on_hand, 0 AS reserved, now() AS updated_at
             FROM store.warehouse GROUP BY tenant_id, sku"""
    )

    with pytest.raises(MisuseError, match=r"view \"stock\".* remove tenant casa-da-panela without --with-store"):
        await tenants.remove("casa-da-panela", with_store=True)
    assert (await tenants.get("casa-da-panela")).tenant.slug == "casa-da-panela"
    await tenants.remove("casa-da-panela")

    assert await tenants.all() == []


async def test_the_audit_table_holds_no_secret(pool: asyncpg.Pool, tenants: Tenants, vault: Vault):
    tenant = await tenants.add(PANELA, CREDENTIALS, vault)
    await CredentialStore(pool, vault).replace(tenant, "casa-da-panela", CREDENTIALS, operator="ana")
    await tenants.set("casa-da-panela", settings={"webhook_token": "s3cret-c"})

    rows = await pool.fetch("SELECT what FROM rocksync.audit")

    assert "s3cret" not in json.dumps([row["what"] for row in rows])


async def test_every_tenant_is_listed_by_slug(tenants: Tenants, vault: Vault):
    for slug in ("b", "a"):
        await tenants.add(NewTenant(slug=slug, name=slug, domain="a.b"), CREDENTIALS, vault)

    assert [row.tenant.slug for row in await tenants.all()] == ["a", "b"]


async def test_what_sql_adds_is_what_the_repository_reads(pool: asyncpg.Pool, tenants: Tenants):
    tenant = await pool.fetchval(
        "SELECT rocksync.add_tenant('a', 'A', 'a.b', 'i', 's', 'u', 't', '{kits}', '{\"x\": 1}')"
    )

    row = await tenants.get("a")

    assert (row.tenant.id, row.tenant.mappers, row.tenant.settings) == (TenantId(tenant), ("kits",), {"x": 1})
