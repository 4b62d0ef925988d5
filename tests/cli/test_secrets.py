import asyncpg

from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.vault import Vault, new_key

from .conftest import Command
from .test_tenant import SECRETS


async def test_keygen_makes_a_key_that_seals(rocksync: Command):
    first, second = await rocksync("keygen"), await rocksync("keygen")

    assert first.out != second.out
    assert Vault([first.out.strip()])


async def test_sealed_text_is_pasted_into_sql(rocksync: Command, environment: dict[str, str], pool: asyncpg.Pool):
    sealed = (await rocksync("secrets", "seal", "acme", "--json", **SECRETS)).json
    tenant = await pool.fetchval("SELECT rocksync.add_tenant('acme', 'A', 'a.b', $1, $2, $3, $4)", *sealed.values())
    credentials = CredentialStore(pool, Vault([environment["ROCKSYNC_SECRETS__KEYS"]]))

    sealing = await credentials.seal_inbox()

    assert sealing.sealed == 1
    assert (await credentials.get(tenant)).api_secret == SECRETS["ROCKSYNC_API_SECRET"]


async def test_lines_of_standard_input_are_sealed_one_by_one(rocksync: Command, environment: dict[str, str]):
    ended = await rocksync("secrets", "seal", given="one\ntwo\n")

    vault = Vault([environment["ROCKSYNC_SECRETS__KEYS"]])
    assert [vault.open_text(line, "any") for line in ended.out.splitlines()] == ["one", "two"]


async def test_rotation_leaves_only_the_newest_key_needed(rocksync: Command, environment: dict[str, str]):
    await rocksync("tenant", "add", "acme", "--name", "A", "--domain", "a.b", **SECRETS)
    newest = new_key()

    rotated = await rocksync(
        "secrets", "rotate", ROCKSYNC_SECRETS__KEYS=f"{newest},{environment['ROCKSYNC_SECRETS__KEYS']}"
    )
    again = await rocksync("secrets", "rotate", "--json", ROCKSYNC_SECRETS__KEYS=newest)

    assert rotated.out == "1 sealed again\n"
    assert again.json == {"sealed": 0, "refused": {}}


async def test_a_lost_key_is_told_for_each_tenant(rocksync: Command):
    await rocksync("tenant", "add", "acme", "--name", "A", "--domain", "a.b", **SECRETS)

    ended = await rocksync("secrets", "rotate", ROCKSYNC_SECRETS__KEYS=new_key())

    assert ended.code == 1
    assert "tenant acme: sealed with key" in ended.err


async def test_without_a_key_nothing_is_added(rocksync: Command, connection: asyncpg.Connection):
    ended = await rocksync(
        *("tenant", "add", "acme", "--name", "A", "--domain", "a.b"), **SECRETS, ROCKSYNC_SECRETS__KEYS=""
    )

    assert ended.code == 2
    assert "rocksync keygen" in ended.err
    assert await connection.fetchval("SELECT count(*) FROM rocksync.tenant") == 0
