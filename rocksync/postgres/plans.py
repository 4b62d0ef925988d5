"""What the export of a tenant would do, counted before anything is sent, and how far it has come."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import asyncpg

from rocksync import sql
from rocksync.domain.tenancy import TenantId

_QUERIES = sql.load("rocksync.postgres", "plans.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Products by what would become of them; ``blocked`` by reason code."""

    create: int
    update: int
    blocked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Items of the catalogue still to be delivered, items set aside, and products, of which some are still pending."""

    pending: int
    quarantined: int
    products: int
    products_left: int


class Plans:
    """Counts by SQL: quick, and without asking a mapper."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def plan(self, tenant: TenantId, at_hub: Collection[str] = ()) -> Plan:
        """Return what an export of the whole catalogue would do; *at_hub* are SKUs that the hub has already."""
        rows = await self._pool.fetch(_QUERIES.products, tenant, list(at_hub))
        fates = {row["fate"]: row["products"] for row in rows}
        return Plan(create=fates.pop("create", 0), update=fates.pop("update", 0), blocked=dict(sorted(fates.items())))

    async def waiting(self, tenant: TenantId) -> Waiting:
        """Return what is left to do."""
        (row,) = await self._pool.fetch(_QUERIES.waiting, tenant)
        return Waiting(**row)
