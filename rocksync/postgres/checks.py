"""What is to be said of a tenant's store before anything is sent, by SQL alone: it reads, and cannot write."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rocksync import sql
from rocksync.domain.tenancy import Kind, TenantId

_QUERIES = sql.load("rocksync.postgres", "checks.sql")
_OF_THE_STORE = ("products", "variations", "families", "offers", "strays")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One kind of finding: ``code`` is a name of ``checks.sql``, ``examples`` up to three of the SKUs it concerns."""

    code: str
    items: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is around the store: products for sale, workers alive, credentials, kinds that do not run by themselves.

    ``was_mapped``: mappers made something of its items when they were last looked at.
    """

    products: int
    workers: int
    has_sealed: bool
    has_unsealed: bool
    manual: tuple[Kind, ...]
    paused: tuple[Kind, ...]
    was_mapped: bool


class StoreChecks:
    """Counts over whole stores, set-wise: a few seconds for 100,000 SKUs."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def seen(self, tenant: TenantId) -> list[Seen]:
        """Return what there is to say of the store's rows, one of each kind; counts of a kind are added up."""
        found: dict[str, Seen] = {}
        async with self._reading() as connection:
            for name in _OF_THE_STORE:
                for row in await connection.fetch(_QUERIES[name], tenant):
                    before = found.get(row["code"], Seen(code=row["code"], items=0, examples=()))
                    found[row["code"]] = Seen(
                        code=row["code"],
                        items=before.items + row["items"],
                        examples=(*before.examples, *row["examples"])[:3],
                    )
        return [found[code] for code in sorted(found)]

    async def surroundings(self, tenant: TenantId) -> Surroundings:
        """Return what is around the store."""
        async with self._reading() as connection:
            (row,) = await connection.fetch(_QUERIES.tenant, tenant)
        return Surroundings(
            products=row["products"],
            workers=row["workers"],
            has_sealed=row["has_sealed"],
            has_unsealed=row["has_unsealed"],
            manual=tuple(Kind(kind) for kind in row["manual"]),
            paused=tuple(Kind(kind) for kind in row["paused"]),
            was_mapped=row["was_mapped"],
        )

    async def deaf(self) -> list[str]:
        """Return the tables of the store whose changes nobody notes, as rocksync's triggers on them are off."""
        async with self._reading() as connection:
            return [row["name"] for row in await connection.fetch(_QUERIES.deaf)]

    async def unwritable(self) -> list[str]:
        """Return the columns of a view `store.stock` that would show what orders hold, and cannot be updated."""
        async with self._reading() as connection:
            return [row["name"] for row in await connection.fetch(_QUERIES.unwritable)]

    async def samples(self, tenant: TenantId, each: int) -> list[str]:
        """Return SKUs of products to try mappers on: up to three times *each*."""
        async with self._reading() as connection:
            return [row["sku"] for row in await connection.fetch(_QUERIES.samples, tenant, each)]

    async def collisions(self, tenant: TenantId, orders: Sequence[tuple[str, str]]) -> list[str]:
        """Return channel orders, of (id, channel order) at the hub, that the store has already from elsewhere."""
        ids, numbers = [each[0] for each in orders], [each[1] for each in orders]
        async with self._reading() as connection:
            return [row["channel_order"] for row in await connection.fetch(_QUERIES.collisions, tenant, ids, numbers)]

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[PoolConnectionProxy]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            yield connection
