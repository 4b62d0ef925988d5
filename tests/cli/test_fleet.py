"""A thousand tenants: an operator's look at all of them shows each, from one query."""

import asyncpg
import pytest

from .conftest import Command


@pytest.fixture
async def fleet(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "INSERT INTO rocksync.tenant (slug, name, domain)"
        " SELECT 'loja-' || n, 'Loja ' || n, 'loja' || n || '.example' FROM generate_series(1, 1000) n"
    )
    await connection.execute("UPDATE rocksync.tenant SET status = 'active'")
    await connection.execute(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at)"
        " SELECT id, 'stock', 'S' || n, 'pending', 'pending', now() - interval '1 hour'"
        "   FROM rocksync.tenant, generate_series(1, 5) n WHERE id % 10 = 0"
    )


@pytest.mark.usefixtures("fleet")
async def test_status_and_the_list_show_every_tenant(rocksync: Command) -> None:
    status, tenants = await rocksync("status", "--json"), await rocksync("tenant", "list", "--json")

    late = {row["tenant"] for row in status.json if row["kind"] == "stock" and row["pending"] == 5}
    assert len({row["tenant"] for row in status.json}) == len({row["slug"] for row in tenants.json}) == 1000
    assert len(late) == 100


@pytest.mark.usefixtures("fleet")
async def test_the_latest_come_first(rocksync: Command) -> None:
    lines = (await rocksync("status")).out.splitlines()

    assert all(" stock " in line for line in lines[1:101])
