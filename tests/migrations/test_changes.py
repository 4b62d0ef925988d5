import asyncio

import asyncpg
import pytest

from tests.migrations.conftest import Platform

MANY = 100_000
INVOICE = """INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)
             VALUES (1, $1, '35', '1', '1', now())"""


# Products


async def test_every_column_of_a_product_that_means_something_makes_it_change(platform: Platform) -> None:
    columns = {
        "name": "'Xícara'",
        "description": "'<p>x</p>'",
        "short_description": "'x'",
        "brand": "'x'",
        "model": "'x'",
        "ean": "'x'",
        "categories": "'{Casa}'",
        "weight_kg": "1",
        "height_cm": "1",
        "width_cm": "1",
        "length_cm": "1",
        "attributes": "'{}'",
        "photos": "'{https://loja.example/1.jpg}'",
        "link": "'x'",
        "external_id": "'x'",
    }
    for column, value in columns.items():
        told = await platform.writes(f"UPDATE store.product SET {column} = {value} WHERE sku = 'A'")
        assert told == {("product", "A")}, column
        told = await platform.writes(f"UPDATE store.product SET {column} = {value} WHERE sku = 'A'")
        assert told == set(), column


async def test_a_product_switched_changes_the_stock_of_all_that_it_sells(platform: Platform) -> None:
    told = await platform.writes("UPDATE store.product SET active = false")

    assert told == {("product", "A"), ("product", "P"), ("stock", "A"), ("stock", "P-1"), ("stock", "P-2")}


async def test_a_later_updated_at_alone_is_no_change(platform: Platform) -> None:
    for table in ("product", "variation", "price", "stock"):
        assert await platform.writes(f"UPDATE store.{table} SET updated_at = now() + interval '1 day'") == set()


async def test_the_same_value_written_another_way_is_no_change(platform: Platform) -> None:
    assert (
        await platform.writes("""UPDATE store.product SET attributes = '{ "Cor" : "Azul" }' WHERE sku = 'A'""") == set()
    )
    assert await platform.writes("UPDATE store.price SET price = 10.00 WHERE sku = 'A'") == set()


async def test_a_product_that_comes_or_goes_changes_what_it_sells(platform: Platform) -> None:
    gone = await platform.writes("DELETE FROM store.product WHERE sku IN ('A', 'P')")
    back = await platform.writes("INSERT INTO store.product (tenant_id, sku) VALUES (1, 'A'), (1, 'P'), (1, 'new')")

    stock = {("stock", "A"), ("stock", "P-1"), ("stock", "P-2")}
    assert gone == {("product", "A"), ("product", "P"), *stock}
    assert back == {("product", "A"), ("product", "P"), ("product", "new"), ("price", "A"), *stock}


async def test_a_new_sku_of_a_product_changes_both(platform: Platform) -> None:
    told = await platform.writes("UPDATE store.product SET sku = 'B' WHERE sku = 'A'")
    assert told == {("product", "A"), ("product", "B"), ("stock", "A")}

    back = await platform.writes("UPDATE store.product SET sku = 'A' WHERE sku = 'B'")
    assert back == {("product", "A"), ("product", "B"), ("stock", "A"), ("price", "A")}


# Variations


async def test_a_variation_changes_its_product(platform: Platform) -> None:
    for column, value in {
        "name": "'x'",
        "ean": "'x'",
        "attributes": """'{"Cor": "Verde"}'""",
        "weight_kg": "2",
    }.items():
        statement = f"UPDATE store.variation SET {column} = {value} WHERE sku = 'P-1'"
        assert await platform.writes(statement) == {("product", "P")}, column
        assert await platform.writes(statement) == set(), column


async def test_a_variation_switched_changes_its_stock_and_price(platform: Platform) -> None:
    told = await platform.writes("UPDATE store.variation SET active = false WHERE sku = 'P-1'")

    assert told == {("product", "P"), ("stock", "P-1"), ("price", "P-1")}


async def test_a_variation_that_moves_changes_both_products_and_what_they_sell_themselves(platform: Platform) -> None:
    told = await platform.writes("UPDATE store.variation SET product_sku = 'A' WHERE sku = 'P-1'")

    assert told == {
        ("product", "P"),
        ("product", "A"),
        ("stock", "P-1"),
        ("stock", "A"),
        ("price", "P-1"),
        ("price", "A"),
    }


async def test_a_variation_that_comes_or_goes_changes_its_product_and_stock(platform: Platform) -> None:
    gone = await platform.writes("DELETE FROM store.variation WHERE sku = 'P-1'")
    back = await platform.writes("INSERT INTO store.variation (tenant_id, sku, product_sku) VALUES (1, 'P-1', 'P')")
    under_a_simple_one = await platform.writes(
        "INSERT INTO store.variation (tenant_id, sku, product_sku) VALUES (1, 'A-1', 'A')"
    )

    assert gone == back == {("product", "P"), ("stock", "P-1"), ("price", "P-1")}
    assert under_a_simple_one == {("product", "A"), ("stock", "A-1"), ("stock", "A"), ("price", "A")}


@pytest.mark.parametrize("table", ["product", "variation"])
async def test_what_is_not_switched_leaves_what_it_sells_alone(
    platform: Platform, pool: asyncpg.Pool, table: str
) -> None:
    """A reload that truncates one table after the other and a statement on one of them would wait for each other."""
    async with pool.acquire() as reload, reload.transaction():
        await reload.execute("TRUNCATE store.stock, store.price")
        await platform.connection.execute("SET lock_timeout = '1s'")
        told = await platform.writes(f"UPDATE store.{table} SET name = 'x' WHERE sku IN ('A', 'P-1')")

        assert told == {("product", "A" if table == "product" else "P")}
        await reload.execute(f"TRUNCATE store.{table}")


# Prices and stocks


async def test_prices_and_stocks_change_only_themselves(platform: Platform) -> None:
    assert await platform.writes("UPDATE store.price SET price = 11 WHERE sku = 'A'") == {("price", "A")}
    assert await platform.writes("UPDATE store.price SET special_price = 9 WHERE sku = 'A'") == {("price", "A")}
    assert await platform.writes("UPDATE store.price SET special_price = 9 WHERE sku = 'A'") == set()
    assert await platform.writes("UPDATE store.stock SET on_hand = 5 WHERE sku = 'P-1'") == {("stock", "P-1")}
    assert await platform.writes("UPDATE store.stock SET reserved = 5 WHERE sku = 'P-1'") == {("stock", "P-1")}
    assert await platform.writes("UPDATE store.stock SET on_hand = 5") == {("stock", "A"), ("stock", "P-2")}


async def test_a_first_price_or_stock_changes_the_product_that_may_have_waited_for_it(platform: Platform) -> None:
    assert await platform.writes("DELETE FROM store.price WHERE sku IN ('A', 'P-1')") == {
        ("price", "A"),
        ("price", "P-1"),
    }
    assert await platform.writes("DELETE FROM store.stock WHERE sku = 'P-1'") == {("stock", "P-1")}

    price = await platform.writes("INSERT INTO store.price (tenant_id, sku, price) VALUES (1, 'A', 1), (1, 'P-1', 1)")
    stock = await platform.writes("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES (1, 'P-1', 1), (1, 'x', 1)")

    assert price == {("price", "A"), ("price", "P-1"), ("product", "A"), ("product", "P")}
    assert stock == {("stock", "P-1"), ("stock", "x"), ("product", "P")}


async def test_a_new_sku_of_a_price_or_stock_changes_both(platform: Platform) -> None:
    assert await platform.writes("UPDATE store.price SET sku = 'B' WHERE sku = 'A'") == {("price", "A"), ("price", "B")}
    assert await platform.writes("UPDATE store.stock SET sku = 'B' WHERE sku = 'A'") == {("stock", "A"), ("stock", "B")}


async def test_skus_swapped_in_one_statement_are_seen(platform: Platform) -> None:
    told = await platform.writes(
        """WITH gone AS (DELETE FROM store.stock WHERE sku IN ('P-1', 'P-2') RETURNING *)
           UPDATE store.stock SET on_hand = 99 WHERE sku = 'A'"""
    )

    assert told == {("stock", "A"), ("stock", "P-1"), ("stock", "P-2")}


@pytest.mark.parametrize("bad", ["'NaN'", "'infinity'", "-0.01"])
async def test_numbers_that_are_no_amounts_are_refused(platform: Platform, bad: str) -> None:
    for table, column in [
        ("price", "price"),
        ("price", "special_price"),
        ("product", "weight_kg"),
        ("variation", "length_cm"),
    ]:
        with pytest.raises(asyncpg.CheckViolationError):
            await platform.connection.execute(f"UPDATE store.{table} SET {column} = {bad}")


# However it is written


async def test_an_upsert_tells_only_what_it_changed(platform: Platform) -> None:
    told = await platform.writes(
        """INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES (1, 'A', 1), (1, 'P-1', 7), (1, 'new', 1)
           ON CONFLICT (tenant_id, sku) DO UPDATE SET on_hand = excluded.on_hand, updated_at = now()"""
    )

    assert told == {("stock", "P-1"), ("stock", "new")}


async def test_a_merge_tells_only_what_it_changed(platform: Platform) -> None:
    told = await platform.writes(
        """MERGE INTO store.price p
           USING (VALUES (1, 'A', 10), (1, 'P-1', 21), (1, 'new', 1)) AS n (tenant_id, sku, price)
              ON p.tenant_id = n.tenant_id AND p.sku = n.sku
            WHEN MATCHED AND n.sku = 'A' THEN DELETE
            WHEN MATCHED THEN UPDATE SET price = n.price
            WHEN NOT MATCHED THEN INSERT (tenant_id, sku, price) VALUES (n.tenant_id, n.sku, n.price)"""
    )

    assert told == {("price", "A"), ("price", "P-1"), ("price", "new")}


async def test_what_is_rolled_back_tells_nothing(platform: Platform) -> None:
    await platform.connection.execute("DELETE FROM rocksync.change")
    transaction = platform.connection.transaction()
    await transaction.start()
    await platform.connection.execute("UPDATE store.stock SET on_hand = 77")
    await transaction.rollback()

    assert await platform.changes() == set()


async def test_truncated_tables_change_all_that_was_in_them(platform: Platform) -> None:
    assert await platform.writes("TRUNCATE store.stock") == {("stock", "A"), ("stock", "P-1"), ("stock", "P-2")}
    assert await platform.writes("TRUNCATE store.price") == {("price", "A"), ("price", "P-1"), ("price", "P-2")}
    variations = await platform.writes("TRUNCATE store.variation")
    assert variations == {("product", "P"), ("stock", "P-1"), ("stock", "P-2"), ("stock", "P"), ("price", "P")}
    assert await platform.writes("TRUNCATE store.product") >= {("product", "A"), ("product", "P"), ("stock", "A")}


async def test_rows_loaded_by_copy_are_seen(platform: Platform) -> None:
    await platform.connection.execute("DELETE FROM rocksync.change")

    await platform.connection.copy_records_to_table(
        "stock", schema_name="store", columns=["tenant_id", "sku", "on_hand"], records=[(1, "c1", 1), (1, "c2", 2)]
    )

    assert await platform.changes() == {("stock", "c1"), ("stock", "c2")}


async def test_a_hundred_thousand_rows_in_one_statement_are_seen_and_seen_again_only_where_they_changed(
    platform: Platform,
) -> None:
    told = await platform.writes(
        "INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT 1, 'S' || n, 1 FROM generate_series(1, $1::int) n",
        MANY,
    )
    again = await platform.writes("UPDATE store.stock SET on_hand = CASE WHEN sku = 'S7' THEN 2 ELSE on_hand END")
    products = await platform.writes(
        "INSERT INTO store.product (tenant_id, sku) SELECT 1, 'S' || n FROM generate_series(1, $1::int) n", MANY
    )

    assert len(told) == MANY
    assert again == {("stock", "S7")}
    assert len(products) == 2 * MANY


async def test_changes_of_an_open_transaction_are_seen_when_it_commits_and_keep_no_other_waiting(
    platform: Platform, pool: asyncpg.Pool
) -> None:
    await platform.connection.execute("DELETE FROM rocksync.change")
    async with platform.connection.transaction():
        await platform.connection.execute("UPDATE store.stock SET on_hand = 50")

        async with asyncio.timeout(5):
            assert (
                await pool.fetchval(
                    "WITH folded AS (DELETE FROM rocksync.change RETURNING 1) SELECT count(*) FROM folded"
                )
                == 0
            )
            await pool.execute("UPDATE store.price SET price = 51")
            taken = await pool.fetch("DELETE FROM rocksync.change RETURNING kind, key")

        assert {row["kind"] for row in taken} == {"price"}

    assert await platform.changes() == {("stock", "A"), ("stock", "P-1"), ("stock", "P-2")}


async def test_the_platform_needs_no_rights_on_what_the_worker_keeps(platform: Platform) -> None:
    await platform.connection.execute(
        f"""CREATE ROLE "{(role := await platform.connection.fetchval("SELECT 'shop' || txid_current()"))}";
            GRANT USAGE ON SCHEMA store TO "{role}";
            GRANT ALL ON ALL TABLES IN SCHEMA store TO "{role}";
            SET ROLE "{role}" """
    )
    try:
        await platform.connection.execute("UPDATE store.stock SET on_hand = 60 WHERE sku = 'A'")
        await platform.connection.execute("TRUNCATE store.price")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await platform.connection.fetch("SELECT * FROM rocksync.tenant")
    finally:
        await platform.connection.execute(f'RESET ROLE; DROP OWNED BY "{role}"; DROP ROLE "{role}"')

    assert ("stock", "A") in await platform.changes()


# Marked by hand


async def test_a_platform_with_views_marks_by_hand(platform: Platform) -> None:
    await platform.connection.execute(
        """DROP TABLE store.price;
           CREATE TABLE public.offers (shop bigint, code text, amount numeric);
           INSERT INTO public.offers VALUES (1, 'A', 12.5);
           CREATE VIEW store.price AS
           SELECT shop AS tenant_id, code AS sku, amount AS price, NULL::numeric AS special_price, now() AS updated_at
             FROM offers"""
    )

    told = await platform.writes("SELECT rocksync.mark_changed(1, 'price', ARRAY['A', 'P-1', NULL, ''])")
    product = await platform.writes("UPDATE store.product SET sku = 'B' WHERE sku = 'A'")

    assert told == {("price", "A"), ("price", "P-1")}
    assert ("product", "B") in product


async def test_marking_an_unknown_kind_says_which_there_are(platform: Platform) -> None:
    with pytest.raises(asyncpg.RaiseError, match='unknown kind "colour"') as refused:
        await platform.connection.execute("SELECT rocksync.mark_changed(1, 'colour', ARRAY['A'])")

    assert refused.value.hint == "product, price, stock or order"


# Orders


async def test_an_invoice_and_a_shipment_move_the_order_and_make_it_change(platform: Platform, order: int) -> None:
    async def status() -> str:
        found: str = await platform.connection.fetchval("SELECT status FROM store.sales_order WHERE id = $1", order)
        return found

    assert await platform.writes(INVOICE, order) == {("order", "f00")}
    assert await status() == "invoiced"
    assert await platform.writes("UPDATE store.invoice SET cfops = '5102'") == {("order", "f00")}
    assert await platform.writes("UPDATE store.invoice SET cfops = '5102'") == set()
    assert await platform.writes("INSERT INTO store.shipment (tenant_id, order_id) VALUES (1, $1)", order) == {
        ("order", "f00")
    }
    assert await status() == "shipped"
    assert await platform.writes("UPDATE store.shipment SET tracking_code = 'BR1'") == {("order", "f00")}
    assert await platform.writes("UPDATE store.shipment SET delivered_at = now()") == {("order", "f00")}
    assert await status() == "delivered"
    assert await platform.writes("DELETE FROM store.invoice") == {("order", "f00")}
    assert await status() == "delivered"


async def test_a_cancelled_order_is_not_moved_by_an_invoice(platform: Platform, order: int) -> None:
    assert await platform.writes("UPDATE store.sales_order SET status = 'canceled'") == {("order", "f00")}

    await platform.connection.execute(INVOICE, order)

    assert await platform.connection.fetchval("SELECT status FROM store.sales_order") == "canceled"


async def test_the_stores_own_orders_tell_nothing(platform: Platform) -> None:
    number = await platform.connection.fetchval(
        "INSERT INTO store.sales_order (tenant_id, status, total) VALUES (1, 'pending', 10) RETURNING id"
    )

    assert await platform.writes("UPDATE store.sales_order SET status = 'approved'") == set()
    assert await platform.writes("INSERT INTO store.shipment (tenant_id, order_id) VALUES (1, $1)", number) == set()


async def test_a_worker_that_moves_an_order_is_not_told_of_it(platform: Platform, order: int) -> None:
    await platform.connection.execute("DELETE FROM rocksync.change")
    async with platform.connection.transaction():
        await platform.connection.fetchval("SELECT rocksync.hold_lease(1, 'order', 1)")
        await platform.connection.execute("UPDATE store.sales_order SET status = 'canceled'")

    assert await platform.changes() == set()
    assert await platform.writes("UPDATE store.sales_order SET status = 'approved'") == {("order", "f00")}


async def test_an_order_that_is_set_aside_changes_with_any_column_of_its_row(platform: Platform, order: int) -> None:
    await platform.connection.execute(
        """SELECT rocksync.add_tenant('casa', 'Casa', 'casa.example', 'client', 'secret', 'user', 'pass');
           INSERT INTO rocksync.item (tenant_id, kind, key, state, reason)
           VALUES (1, 'order', 'f00', 'quarantined', 'invalid_item')"""
    )
    later, dated = "UPDATE store.sales_order SET updated_at = now()", "UPDATE store.sales_order SET placed_at = '{}'"

    assert await platform.writes(later) == set()
    assert await platform.writes(dated.format("2026-07-15")) == {("order", "f00")}
    assert await platform.writes(dated.format("2026-07-15")) == set()

    await platform.connection.execute("UPDATE rocksync.item SET state = 'synced', reason = 'in_sync'")
    assert await platform.writes(dated.format("2026-07-16")) == set()
