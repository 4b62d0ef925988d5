"""Orders that could not be imported: which of them Plugg.to's log is to be told of, and which it was."""

from collections.abc import Sequence

import asyncpg

from rocksync import sql
from rocksync.domain.orders import Trouble
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import TenantId
from rocksync.failures import explained

_QUERIES = sql.load("rocksync.store", "troubles.sql")


class Troubles:
    """What the log of orders at Plugg.to is to say. It is told once of a failure, and once when it is solved."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def open(self, tenant: TenantId, limit: int) -> Sequence[Trouble]:
        """Return what is to be told, up to *limit* failures and as many solutions."""
        with explained():
            rows = await self._pool.fetch(_QUERIES.open, tenant, limit)
        return [
            Trouble(
                order_id=row["order_id"],
                reason=Reason(row["reason"]),
                missing_skus=tuple(row["missing_skus"]),
                store_id=row["store_id"],
            )
            for row in rows
        ]

    async def told(self, tenant: TenantId, trouble: Trouble) -> None:
        """Note that it was told: the failure, or that it is solved."""
        with explained():
            if trouble.store_id is None:
                await self._pool.execute(_QUERIES.told, tenant, trouble.order_id, trouble.reason)
            else:
                await self._pool.execute(_QUERIES.solved, tenant, trouble.order_id)
