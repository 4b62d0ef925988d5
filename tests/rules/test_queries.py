"""Every named query prepares on the migrated schema, and names the tenant wherever it touches a tenant's table."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import rocksync
from rocksync import sql
from tests.conftest import cloned

PACKAGE = Path(rocksync.__file__).parent
QUERIES = {
    f"{path.parent.name}/{path.stem}.{name}": text
    for path in sorted(PACKAGE.rglob("*.sql"))
    if path.parent.name != "migrations"
    for name, text in sql.parse(path.read_text(encoding="utf-8"), path.name).texts.items()
}
OF_A_TENANT = re.compile(r"\b(?:store\.\w+|rocksync\.(?:item|change|hub_order|reservation|history|item_count))\b")
OVER_ALL = {
    "postgres/schedules": "a worker looks after all tenants",
    "postgres/fleet": "metrics are of all tenants",
    "postgres/migrate": "migrations are of no tenant",
    "demo/": "the demo owns its database",
}


@pytest.fixture(scope="module")
async def migrated(server: asyncpg.Connection, server_dsn: str, template: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to one database for all queries, as none of them is to leave anything there."""
    async with cloned(server, server_dsn, template) as dsn:
        opened = await asyncpg.connect(dsn)
        yield opened
        await opened.close()


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_prepares(name: str, migrated: asyncpg.Connection) -> None:
    try:
        await migrated.prepare(QUERIES[name])
    except asyncpg.PostgresSyntaxError as error:
        if "multiple commands" not in str(error):
            raise
        transaction = migrated.transaction()
        await transaction.start()
        try:
            await migrated.execute(QUERIES[name])
        finally:
            await transaction.rollback()


@pytest.mark.parametrize("name", [n for n, text in QUERIES.items() if OF_A_TENANT.search(text)])
def test_a_query_names_its_tenant(name: str) -> None:
    assert "tenant_id" in QUERIES[name] or any(name.startswith(place) for place in OVER_ALL)
