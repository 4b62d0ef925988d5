"""Changes by operators: each in one transaction, refused in words, and noted in the audit table."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rocksync import sql
from rocksync.domain.tenancy import TenantId
from rocksync.postgres.refusals import explained

_QUERIES = sql.load("rocksync.postgres", "changing.sql")


@contextlib.asynccontextmanager
async def changing(pool: asyncpg.Pool, operator: str | None) -> AsyncIterator[PoolConnectionProxy]:
    """A transaction of *operator*, whom the audit table names; None: the database's user. Raises: MisuseError."""
    with explained():
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_QUERIES.set_operator, operator or "")
            yield connection


async def audited(
    connection: PoolConnectionProxy,
    action: str,
    tenant: TenantId | None,
    slug: str | None,
    what: Mapping[str, Any] | None = None,
) -> None:
    """Note a change in the transaction of *connection*."""
    told = msgspec.json.encode(what or {}).decode()
    await connection.execute(_QUERIES.audited, action, tenant, slug, told)


async def tell(connection: PoolConnectionProxy, tenant: TenantId) -> None:
    """Wake the workers for a tenant when the transaction of *connection* commits."""
    await connection.execute(_QUERIES.tell, tenant)


async def hold(connection: PoolConnectionProxy, tenant: TenantId, kinds: Sequence[str]) -> None:
    """Lock schedules, in the order in which all do: no pass of *kinds* records anything before the transaction ends."""
    await connection.execute(_QUERIES.hold, tenant, list(kinds))
