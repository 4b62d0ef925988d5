"""Migrations of a database that is in use: with views in the place of tables, and with rows that are refused by now."""

import shutil
from pathlib import Path

import asyncpg

from rocksync.postgres.migrate import folder, migrate

AS_IT_WAS = "0021"


async def upgraded(database: str, tmp_path: Path, *statements: str) -> asyncpg.Connection:
    """A database to which *statements* were done before the migrations from 0021 on."""
    for file in sorted(folder().glob("*.sql")):
        if file.name < AS_IT_WAS:
            shutil.copy(file, tmp_path)
    await migrate(database, tmp_path)
    connection = await asyncpg.connect(database)
    for statement in statements:
        await connection.execute(statement)
    await migrate(database, folder())
    return connection


async def test_views_may_stand_in_the_place_of_the_stores_tables(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        *(
            f"ALTER TABLE store.{name} SET SCHEMA public; CREATE VIEW store.{name} AS TABLE public.{name}"
            for name in ("product", "variation", "price", "stock")
        ),
    )

    assert await connection.fetchval("SELECT count(*) FROM store.stock") == 0
    await connection.close()


async def test_rows_that_would_be_refused_by_now_do_not_stop_an_upgrade(empty_database: str, tmp_path: Path) -> None:
    connection = await upgraded(
        empty_database,
        tmp_path,
        "INSERT INTO store.product (tenant_id, sku, photos) VALUES (1, 'A', '{{a},{b}}')",
        "INSERT INTO store.sales_order (tenant_id, id, status, total) VALUES (1, 1, 'pending', 1)",
        "UPDATE store.sales_order SET placed_at = 'infinity'",
        "INSERT INTO store.shipment (tenant_id, order_id, shipped_at) VALUES (1, 1, 'infinity')",
    )

    assert await connection.fetchval("SELECT count(*) FROM store.shipment") == 1
    await connection.close()
