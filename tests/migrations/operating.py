"""Tenants made by SQL, and what SQL says of them."""

import asyncpg
import pytest

ADD = "SELECT rocksync.add_tenant($1, $2, $3, $4, $5, $6, $7)"
CASA = ("casa", "Casa da Panela", "casa.example", "client", "secret", "user", "pass")


async def add(pool: asyncpg.Pool, slug: str = "casa", *, active: bool = True) -> int:
    """A tenant with sealed credentials."""
    tenant_id: int = await pool.fetchval(ADD, slug, *CASA[1:])
    await pool.execute("DELETE FROM rocksync.credential_inbox")
    await pool.execute("INSERT INTO rocksync.credential (tenant_id, sealed) VALUES ($1, 'sealed')", tenant_id)
    if active:
        await pool.execute("SELECT rocksync.activate_tenant($1)", slug)
    return tenant_id


async def schedule(pool: asyncpg.Pool, tenant_id: int, kind: str = "stock") -> asyncpg.Record:
    row = await pool.fetchrow("SELECT * FROM rocksync.schedule WHERE tenant_id = $1 AND kind = $2", tenant_id, kind)
    assert row is not None
    return row


async def tenant(pool: asyncpg.Pool, tenant_id: int) -> asyncpg.Record:
    row = await pool.fetchrow("SELECT * FROM rocksync.tenant WHERE id = $1", tenant_id)
    assert row is not None
    return row


async def refusal(pool: asyncpg.Pool, query: str, *arguments: object) -> tuple[str, str | None]:
    """Message and hint of the error that *query* raises."""
    with pytest.raises(asyncpg.PostgresError) as refused:
        await pool.execute(query, *arguments)
    return refused.value.args[0], refused.value.hint
