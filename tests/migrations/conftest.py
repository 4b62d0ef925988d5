from dataclasses import dataclass

import asyncpg
import pytest


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's own connection to its store, and what rocksync is told of what it writes."""

    connection: asyncpg.Connection

    async def writes(self, statement: str, *arguments: object) -> set[tuple[str, str]]:
        """Kind and key of the changes of *statement*, committed by itself."""
        await self.connection.execute("DELETE FROM rocksync.change")
        await self.connection.execute(statement, *arguments)
        return await self.changes()

    async def changes(self) -> set[tuple[str, str]]:
        rows = await self.connection.fetch("SELECT kind, key FROM rocksync.change WHERE tenant_id = 1")
        return {(row["kind"], row["key"]) for row in rows}


@pytest.fixture
async def platform(connection: asyncpg.Connection) -> Platform:
    """Tenant 1 with a simple product A, and P with the variations P-1 and P-2, all priced and in stock."""
    await connection.execute(
        """INSERT INTO store.product (tenant_id, sku, name, attributes)
           VALUES (1, 'A', 'Caneca', '{"Cor": "Azul"}'), (1, 'P', 'Prato', '{}');
           INSERT INTO store.variation (tenant_id, sku, product_sku) VALUES (1, 'P-1', 'P'), (1, 'P-2', 'P');
           INSERT INTO store.price (tenant_id, sku, price) VALUES (1, 'A', 10), (1, 'P-1', 20), (1, 'P-2', 30);
           INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES (1, 'A', 1), (1, 'P-1', 2), (1, 'P-2', 3);"""
    )
    return Platform(connection)


@pytest.fixture
async def order(connection: asyncpg.Connection) -> int:
    """An approved order of tenant 1."""
    number: int = await connection.fetchval(
        """INSERT INTO store.sales_order (tenant_id, pluggto_id, status, total)
           VALUES (1, 'f00', 'approved', 10) RETURNING id"""
    )
    return number
