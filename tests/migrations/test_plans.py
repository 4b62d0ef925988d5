"""What triggers cost does not depend on what their session wrote before: it keeps their plans."""

import asyncpg
import pytest

BY_THE_NUMBER = {
    "product": (
        "INSERT INTO store.product (tenant_id, sku) SELECT 1, 'X' || n FROM generate_series({}, {}) n",
        "UPDATE store.product SET active = NOT active WHERE sku IN (SELECT 'X' || generate_series({}, {}))",
    ),
    "variation": (
        """INSERT INTO store.variation (tenant_id, sku, product_sku)
           SELECT 1, 'X' || n, 'P' FROM generate_series({}, {}) n""",
        "UPDATE store.variation SET active = NOT active WHERE sku IN (SELECT 'X' || generate_series({}, {}))",
    ),
    "price": (
        "INSERT INTO store.price (tenant_id, sku, price) SELECT 1, 'X' || n, 1 FROM generate_series({}, {}) n",
        "UPDATE store.price SET price = price + 1 WHERE sku IN (SELECT 'X' || generate_series({}, {}))",
    ),
    "stock": (
        "INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT 1, 'X' || n, 1 FROM generate_series({}, {}) n",
        "UPDATE store.stock SET on_hand = on_hand + 1 WHERE sku IN (SELECT 'X' || generate_series({}, {}))",
    ),
    "sales_order": (
        """INSERT INTO store.sales_order (tenant_id, pluggto_id, status, total)
           SELECT 1, 'X' || n, 'pending', 1 FROM generate_series({}, {}) n""",
        "UPDATE store.sales_order SET status = 'approved' WHERE pluggto_id IN (SELECT 'X' || generate_series({}, {}))",
    ),
}


@pytest.mark.parametrize("table", BY_THE_NUMBER)
async def test_a_session_that_wrote_single_rows_writes_many(connection: asyncpg.Connection, table: str) -> None:
    """Were every row compared with every other, each of these statements would take a minute and more, not a second."""
    key = "pluggto_id" if table == "sales_order" else "sku"
    insert, update = BY_THE_NUMBER[table]
    delete = f"DELETE FROM store.{table} WHERE {key} IN (SELECT 'X' || generate_series({{}}, {{}}))"
    await connection.execute("SET statement_timeout = '20s'")
    for first, last in ((1, 1), (2, 2), (3, 30_000)):
        for statement in (insert, update, delete, insert):
            await connection.execute(statement.format(first, last))

    assert await connection.fetchval(f"SELECT count(*) FROM store.{table}") == 30_000


async def test_a_session_that_imported_two_products_imports_a_thousand(connection: asyncpg.Connection) -> None:
    """The same with all that belongs to a product, thirty variations each."""
    products = "generate_series({}, {}) n"
    variations = f"{products}, generate_series(1, 30) m"
    sku = "'X' || n || '.' || m"
    await connection.execute("SET statement_timeout = '20s'")
    for first, last in ((1, 1), (2, 2), (3, 1_000)):
        for statement in (
            f"INSERT INTO store.product (tenant_id, sku) SELECT 1, 'P' || n FROM {products}",
            f"INSERT INTO store.variation (tenant_id, sku, product_sku) SELECT 1, {sku}, 'P' || n FROM {variations}",
            f"INSERT INTO store.price (tenant_id, sku, price) SELECT 1, {sku}, 1 FROM {variations}",
            f"INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT 1, {sku}, 1 FROM {variations}",
            f"UPDATE store.product SET active = false WHERE sku IN (SELECT 'P' || n FROM {products})",
            f"UPDATE store.variation SET active = false WHERE product_sku IN (SELECT 'P' || n FROM {products})",
        ):
            await connection.execute(statement.format(first, last))

    assert await connection.fetchval("SELECT count(DISTINCT key) FROM rocksync.change WHERE kind = 'price'") == 30_000


async def test_no_plan_of_a_trigger_is_compiled(connection: asyncpg.Connection) -> None:
    """Joins that are switched off count as dear; compiling took half a second for a row where Postgres can do that."""
    functions = await connection.fetch(
        """SELECT p.proname, p.proconfig @> '{jit=off}' AS plain FROM pg_proc p
            WHERE p.pronamespace = 'rocksync'::regnamespace AND p.proconfig::text LIKE '%enable_%'"""
    )

    assert {"product_changed", "price_updated"} < {each["proname"] for each in functions}
    assert [each["proname"] for each in functions if not each["plain"]] == []


async def test_a_claim_reads_what_is_due_in_the_order_of_its_index(connection: asyncpg.Connection) -> None:
    """Only such a scan marks the dead entries that passes leave; claims had read all of them until a vacuum came."""
    await connection.execute("""
        SELECT rocksync.add_tenant('t-' || n, 'T', 't' || n || '.example', 'client', 'secret', 'user', 'pass')
          FROM generate_series(1, 300) n;
        INSERT INTO rocksync.credential (tenant_id, sealed) SELECT id, 'sealed' FROM rocksync.tenant;
        SELECT rocksync.activate_tenant(slug) FROM rocksync.tenant;
        ANALYZE""")
    await connection.execute("SET random_page_cost = 100; SET enable_seqscan = off")  # as where the table is big
    # what bitmap scans fetch is not counted with the index
    fetched = "SELECT pg_stat_get_xact_tuples_fetched('rocksync.schedule_due'::regclass)"

    async with connection.transaction():
        before = await connection.fetchval(fetched)
        claimed = await connection.fetch("SELECT * FROM rocksync.claim('w', 100, interval '1 minute', NULL, NULL)")
        assert len(claimed) == 100
        assert await connection.fetchval(fetched) - before >= 100


async def test_what_waits_is_counted_without_comparing_every_item_with_every_change(
    connection: asyncpg.Connection,
) -> None:
    await connection.execute("""
        SELECT rocksync.add_tenant('t', 'T', 't.example', 'client', 'secret', 'user', 'pass');
        INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at)
        SELECT t.id, 'stock', 'X' || n, 'pending', 'pending', now()
          FROM rocksync.tenant t, generate_series(1, 100000) n;
        INSERT INTO rocksync.change (tenant_id, kind, key)
        SELECT t.id, 'stock', 'X' || n FROM rocksync.tenant t, generate_series(50001, 150000) n""")
    await connection.execute("SET statement_timeout = '20s'")

    assert await connection.fetchval("SELECT pending FROM rocksync.lag WHERE kind = 'stock'") == 150_000
