"""Onboarding by SQL and by command meet the same rules, and a running worker seals what SQL hands in."""

import asyncpg
import pytest

from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.vault import Vault
from tests.worker.waiting import until

from .conftest import Command
from .test_tenant import SECRETS
from .test_worker import running

PLAIN = list(SECRETS.values())
ADD = "SELECT rocksync.add_tenant($1, $2, $3, $4, $5, $6, $7)"


@pytest.mark.parametrize(
    ("slug", "name", "domain", "told"),
    [
        ("Acme", "Acme", "acme.test", "slug"),
        ("-acme", "Acme", "acme.test", "slug"),
        ("acme_1", "Acme", "acme.test", "slug"),
        ("acme", " ", "acme.test", "name"),
        ("acme", "Acme", "https://acme.test/", "domain"),
        ("acme", "Acme", "acme test", "domain"),
    ],
)
async def test_sql_and_command_refuse_the_same(
    rocksync: Command, connection: asyncpg.Connection, slug: str, name: str, domain: str, told: str
):
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute(ADD, slug, name, domain, *PLAIN)
    ended = await rocksync("tenant", "add", "--name", name, "--domain", domain, "--", slug, **SECRETS)

    assert told in str(refused.value.constraint_name)
    assert ended.code == 2
    assert told in ended.err
    assert await connection.fetchval("SELECT count(*) FROM rocksync.tenant") == 0


async def test_sql_and_command_refuse_blank_secrets_and_a_slug_twice(rocksync: Command, connection: asyncpg.Connection):
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(ADD, "acme", "Acme", "acme.test", "a", " ", "c", "d")
    blank = await rocksync(
        *("tenant", "add", "acme", "--name", "Acme", "--domain", "acme.test"),
        **(SECRETS | {"ROCKSYNC_API_SECRET": " "}),
    )
    await connection.execute(ADD, "acme", "Acme", "acme.test", *PLAIN)
    twice = await rocksync("tenant", "add", "acme", "--name", "B", "--domain", "b.test", **SECRETS)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(ADD, "acme", "B", "b.test", *PLAIN)

    assert (blank.code, twice.code) == (2, 2)


async def test_the_two_ways_leave_the_same_tenant(rocksync: Command, connection: asyncpg.Connection):
    await connection.execute(ADD, "by-sql", "Acme", "acme.test", *PLAIN)
    await rocksync("tenant", "add", "by-command", "--name", "Acme", "--domain", "acme.test", **SECRETS)

    rows = await connection.fetch(
        "SELECT name, domain, status, mappers, settings, revision, orders_since,"
        " (SELECT array_agg((s.kind, s.mode, s.due_at)::text ORDER BY s.kind)"
        "    FROM rocksync.schedule s WHERE tenant_id = t.id)"
        " FROM rocksync.tenant t"
    )
    audited = await connection.fetch("SELECT action, what FROM rocksync.audit")

    assert rows[0] == rows[1]
    assert audited[0] == audited[1]


async def test_a_running_worker_seals_wipes_and_vacuums_what_sql_hands_in(
    environment: dict[str, str],
    connection: asyncpg.Connection,
    pool: asyncpg.Pool,
    hub,
    tmp_path,
):
    settings = environment | {"ROCKSYNC_PLUGGTO__BASE_URL": hub.url, "ROCKSYNC_HTTP__PORT": "0"}
    async with running(["worker"], settings, tmp_path) as process:
        assert process.stderr is not None
        await process.stderr.readline()

        tenant = await connection.fetchval(ADD, "acme", "Acme", "acme.test", *PLAIN)

        async def wiped() -> bool:
            sealed = await connection.fetchval("SELECT count(*) FROM rocksync.credential")
            left = await connection.fetchval("SELECT pg_relation_size('rocksync.credential_inbox')")
            return bool(sealed == 1 and left == 0)

        await until(wiped, within_s=5)

    vault = Vault([environment["ROCKSYNC_SECRETS__KEYS"]])
    assert (await CredentialStore(pool, vault).get(tenant)).api_secret == SECRETS["ROCKSYNC_API_SECRET"]
    tables = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('rocksync', 'store')"
    )
    for table in tables:
        text = await connection.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table['name']} t") or ""
        assert SECRETS["ROCKSYNC_CLIENT_SECRET"] not in text
        assert SECRETS["ROCKSYNC_API_SECRET"] not in text
