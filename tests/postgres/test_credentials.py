import asyncio

import asyncpg
import pytest

from rocksync.domain.errors import PassError, SettingsError, TenantError
from rocksync.domain.tenancy import Credentials, TenantId
from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.vault import Vault, new_key

SECRETS = ("the-id", "s3cret-a", "the-user", "s3cret-b")
CREDENTIALS = Credentials(client_id=SECRETS[0], client_secret=SECRETS[1], api_user=SECRETS[2], api_secret=SECRETS[3])
OTHERS = Credentials(client_id="i2", client_secret="s2", api_user="u2", api_secret="t2")


@pytest.fixture
def vault() -> Vault:
    return Vault([new_key()])


@pytest.fixture
def credentials(pool: asyncpg.Pool, vault: Vault) -> CredentialStore:
    return CredentialStore(pool, vault)


async def handed_in(pool: asyncpg.Pool, slug: str, secrets: tuple[str, ...] = SECRETS) -> TenantId:
    return TenantId(await pool.fetchval("SELECT rocksync.add_tenant($1, 'A', 'a.b', $2, $3, $4, $5)", slug, *secrets))


async def test_what_sql_hands_in_is_sealed_and_wiped(pool: asyncpg.Pool, credentials: CredentialStore):
    tenant = await handed_in(pool, "acme")

    sealing = await credentials.seal_inbox()

    assert (sealing.sealed, sealing.refused) == (1, {})
    assert await credentials.get(tenant) == CREDENTIALS
    assert await pool.fetchval("SELECT count(*) FROM rocksync.credential_inbox") == 0


async def test_the_plain_text_is_gone_from_the_file_of_the_table(pool: asyncpg.Pool, credentials: CredentialStore):
    await handed_in(pool, "acme")
    await pool.execute("CHECKPOINT")
    read = "SELECT pg_read_binary_file(pg_relation_filepath('rocksync.credential_inbox'))"
    assert b"s3cret-a" in await pool.fetchval(read)

    await credentials.seal_inbox()

    await pool.execute("CHECKPOINT")
    assert b"s3cret-a" not in await pool.fetchval(read)


async def test_plain_text_that_an_older_transaction_kept_is_wiped_once_that_has_ended(
    pool: asyncpg.Pool, credentials: CredentialStore
):
    await handed_in(pool, "acme")
    size = "SELECT pg_relation_size('rocksync.credential_inbox')"
    async with pool.acquire() as platform, platform.transaction(isolation="repeatable_read"):
        await platform.fetchval("SELECT count(*) FROM rocksync.tenant")
        await credentials.seal_inbox()
        assert await pool.fetchval(size) > 0

    await credentials.seal_inbox()

    assert await pool.fetchval(size) == 0


async def test_while_another_worker_wipes_the_inbox_nobody_waits_to_do_the_same(
    pool: asyncpg.Pool, credentials: CredentialStore
):
    await handed_in(pool, "acme")
    async with pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE rocksync.credential_inbox IN SHARE UPDATE EXCLUSIVE MODE")  # as VACUUM does

        sealing = await credentials.seal_inbox()

    assert sealing.sealed == 1
    await credentials.seal_inbox()
    assert await pool.fetchval("SELECT pg_relation_size('rocksync.credential_inbox')") == 0


async def test_many_workers_seal_each_tenant_once(pool: asyncpg.Pool, credentials: CredentialStore):
    tenants = [await handed_in(pool, f"t{number}") for number in range(20)]

    sealings = await asyncio.gather(*(credentials.seal_inbox() for _ in range(4)))

    assert sum(each.sealed for each in sealings) == len(tenants)
    for tenant in tenants:
        assert await credentials.get(tenant) == CREDENTIALS


async def test_sealed_text_is_taken_in_any_of_the_four(pool: asyncpg.Pool, vault: Vault, credentials: CredentialStore):
    sealed = (SECRETS[0], *(vault.seal_text(each, "acme") for each in SECRETS[1:]))
    tenant = await handed_in(pool, "acme", sealed)

    await credentials.seal_inbox()

    assert await credentials.get(tenant) == CREDENTIALS


async def test_text_sealed_for_another_slug_stays_and_is_told(
    pool: asyncpg.Pool, vault: Vault, credentials: CredentialStore
):
    await handed_in(pool, "acme", (SECRETS[0], vault.seal_text(SECRETS[1], "other"), *SECRETS[2:]))
    await pool.execute("SELECT rocksync.activate_tenant('acme')")
    fine = await handed_in(pool, "fine")

    sealing = await credentials.seal_inbox()

    assert sealing.sealed == 1
    assert "another tenant" in sealing.refused["acme"]
    assert await credentials.get(fine) == CREDENTIALS
    stopped = await pool.fetchrow("SELECT status, status_reason FROM rocksync.tenant WHERE slug = 'acme'")
    assert stopped["status"] == "needs_credentials"
    assert "another tenant" in stopped["status_reason"]


async def test_no_plain_text_stays_beside_sealed_text_that_is_not_whole(
    pool: asyncpg.Pool, credentials: CredentialStore, caplog: pytest.LogCaptureFixture
):
    await handed_in(pool, "acme", ("sealed:v1:garbage", "plain-1", "plain-2", "plain-3"))

    for _ in range(2):
        assert list((await credentials.seal_inbox()).refused) == ["acme"]

    kept = str(await pool.fetchrow("SELECT * FROM rocksync.credential_inbox"))
    assert "plain-" not in kept
    assert kept.count("sealed:v1:") == 4
    assert [record.getMessage() for record in caplog.records] == ["credentials_refused"]


async def test_replaced_credentials_let_a_stopped_tenant_go_on(pool: asyncpg.Pool, credentials: CredentialStore):
    tenant = await handed_in(pool, "acme")
    await credentials.seal_inbox()
    await pool.execute("SELECT rocksync.activate_tenant('acme')")
    await pool.execute("UPDATE rocksync.tenant SET status = 'needs_credentials', status_reason = 'refused'")

    await credentials.replace(tenant, "acme", OTHERS, operator="ana")

    assert await credentials.get(tenant) == OTHERS
    row = await pool.fetchrow("SELECT status, status_reason FROM rocksync.tenant")
    assert tuple(row) == ("active", None)


async def test_a_draft_stays_a_draft_when_its_credentials_are_replaced(
    pool: asyncpg.Pool, credentials: CredentialStore
):
    tenant = await handed_in(pool, "acme")

    await credentials.replace(tenant, "acme", OTHERS, operator=None)

    assert await pool.fetchval("SELECT status FROM rocksync.tenant") == "draft"
    assert await pool.fetchval("SELECT count(*) FROM rocksync.credential_inbox") == 0


async def test_missing_credentials_stop_the_tenant_with_the_command_that_mends_it(
    pool: asyncpg.Pool, credentials: CredentialStore
):
    tenant = await handed_in(pool, "acme")

    with pytest.raises(TenantError, match="`rocksync tenant credentials acme`"):
        await credentials.get(tenant)


async def test_a_process_that_lacks_the_key_of_a_tenant_says_so_and_blames_no_tenant(
    pool: asyncpg.Pool, credentials: CredentialStore
):
    tenant = await handed_in(pool, "acme")
    await credentials.seal_inbox()

    with pytest.raises(PassError, match=r"this process .* key [0-9a-f]{8}, which secrets\.keys does not hold: add"):
        await CredentialStore(pool, Vault([new_key()])).get(tenant)


async def test_keys_that_open_nothing_stop_the_process(pool: asyncpg.Pool, credentials: CredentialStore):
    await credentials.check_keys()
    await handed_in(pool, "acme")
    await credentials.seal_inbox()

    await credentials.check_keys()
    with pytest.raises(SettingsError, match=r"secrets\.keys opens no tenant's credentials"):
        await CredentialStore(pool, Vault([new_key()])).check_keys()


async def test_rotation_seals_everything_with_the_newest_key_and_once(pool: asyncpg.Pool):
    old, new = new_key(), new_key()
    tenants = [await handed_in(pool, f"t{number}") for number in range(5)]
    await CredentialStore(pool, Vault([old])).seal_inbox()
    ring = CredentialStore(pool, Vault([new, old]))

    first, second = await ring.rotate(), await ring.rotate()

    assert (first.sealed, second.sealed) == (5, 0)
    assert await CredentialStore(pool, Vault([new])).get(tenants[0]) == CREDENTIALS


async def test_rotation_tells_what_it_cannot_open(pool: asyncpg.Pool, credentials: CredentialStore):
    await handed_in(pool, "acme")
    await credentials.seal_inbox()

    sealing = await CredentialStore(pool, Vault([new_key()])).rotate()

    assert list(sealing.refused) == ["acme"]
