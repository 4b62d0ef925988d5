import asyncio
from decimal import Decimal

import asyncpg
import pytest

from rocksync.domain.errors import ItemError
from rocksync.domain.orders import OrderStatus
from rocksync.store.catalog import StoreCatalog
from rocksync.store.orders import StoreOrders
from tests.store.shop import ID, PLACED_AT, RAW, Shop, document, hub_order, invoice

# Import


async def test_an_order_is_imported_with_all_its_lines_and_exact_money(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A", "B")
    order = document(ID, ("A", 2), ("B", 1), ("A", 1), total=Decimal("12345678901234567890.10"))

    store = await orders.import_order(shop.lease, order, RAW, reserve=True)

    assert (store.pluggto_id, store.status, store.channel_order) == (ID, OrderStatus.PENDING, "2000")
    assert (store.total, store.placed_at) == (Decimal("12345678901234567890.10"), PLACED_AT)
    assert (store.invoice, store.shipment) == (None, None)
    lines = await shop.pool.fetch(
        "SELECT line, sku, quantity, unit_price, total FROM store.sales_order_item ORDER BY line"
    )
    assert [tuple(line) for line in lines] == [
        (1, "A", 2, Decimal("0.3"), Decimal("0.60")),
        (2, "B", 1, Decimal("0.3"), Decimal("0.30")),
        (3, "A", 1, Decimal("0.3"), Decimal("0.30")),
    ]
    assert await shop.value("SELECT customer->>'name' FROM store.sales_order WHERE tenant_id = $1") == "Ana Conceição"
    assert await shop.value("SELECT payments->0->>'total' FROM store.sales_order WHERE tenant_id = $1") == "10.10"
    assert await shop.value("SELECT raw->>'total' FROM store.sales_order WHERE tenant_id = $1") == "10.10"
    assert await shop.stock("A") == (10, 3)
    assert await shop.stock("B") == (10, 1)
    assert ("stock", "A") in await shop.changes()


async def test_an_order_imported_again_is_returned_as_it_is(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    first = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)

    second = await orders.import_order(shop.lease, document(ID, ("A", 5), status="approved"), RAW, reserve=True)

    assert second == first
    assert await shop.stock("A") == (10, 2)
    assert await shop.value("SELECT count(*) FROM store.sales_order_item WHERE tenant_id = $1") == 1


async def test_an_order_imported_many_times_at_once_exists_once(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")

    imported = await asyncio.gather(
        *(orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True) for _ in range(8))
    )

    assert len({order.id for order in imported}) == 1
    assert await shop.value("SELECT count(*) FROM store.sales_order WHERE tenant_id = $1") == 1
    assert await shop.stock("A") == (10, 2)


async def test_orders_imported_at_once_reserve_together(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A", "B")

    await asyncio.gather(
        *(
            orders.import_order(shop.lease, document(f"{n:024x}", ("A", 1), ("B", 2)), RAW, reserve=True)
            for n in range(12)
        )
    )
    await orders.settle(shop.id)

    assert await shop.stock("A") == (10, 12)
    assert await shop.stock("B") == (10, 24)


async def test_orders_that_the_platform_numbered_itself_are_in_nobodys_way(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    await shop.pool.execute(
        """INSERT INTO store.sales_order (tenant_id, id, status, total)
           SELECT $1, n, 'delivered', 1 FROM generate_series(1, 1000) n""",
        shop.id,
    )

    first = await orders.import_order(shop.lease, document(ID, ("A", 1)), RAW, reserve=True)
    second = await orders.import_order(shop.lease, document("5f00000000000000000000a2", ("A", 1)), RAW, reserve=True)

    assert 1000 < first.id < second.id
    assert await shop.stock("A") == (10, 2)


async def test_without_reserving_stock_stays_as_it_is(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")

    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=False)
    await orders.move(shop.lease, store, OrderStatus.CANCELED, RAW, reserve=False)

    assert await shop.stock("A") == (10, 0)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (document(ID), "no lines"),
        (document(ID, ("A", 1), ("A", 0)), "sales_order_item_quantity_is_positive"),
        (document(ID, ("A", 2**31 - 1), ("A", 2**31 - 1)), "NumericValueOutOfRange"),
        (document(ID, ("A", 2**40)), "does not fit"),
        (document(ID, ("", 1)), "CheckViolation"),
        (document(ID, ("A", 1), status="lost"), "sales_order_status_is_known"),
        (document(ID, ("A", 1), total=None), "NotNullViolation: total"),
    ],
)
async def test_what_the_store_refuses_blames_the_order_and_leaves_nothing_of_it(
    shop: Shop, orders: StoreOrders, order: dict[str, object], says: str
) -> None:
    await shop.sell("A")

    with pytest.raises(ItemError, match=says) as refused:
        await orders.import_order(shop.lease, order, RAW, reserve=True)  # type: ignore[arg-type]  # wrong on purpose

    assert refused.value.key == ID
    assert "Ana" not in str(refused.value)
    assert await shop.value("SELECT count(*) FROM store.sales_order WHERE tenant_id = $1") == 0
    assert await shop.stock("A") == (10, 0)


async def test_texts_with_what_postgres_refuses_are_imported_without_it(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    order = document(ID, ("A", 1), channel="Mercado\0Livre", customer={"name": "An\0a"})
    raw = '{"name": "An\\u0000a", "backslash": "\\\\u0000", "total": 10.10}'

    store = await orders.import_order(shop.lease, order, raw, reserve=True)

    assert store.channel == "MercadoLivre"
    assert await shop.value("SELECT customer->>'name' FROM store.sales_order WHERE tenant_id = $1") == "Ana"
    assert await shop.value("SELECT raw->>'backslash' FROM store.sales_order WHERE tenant_id = $1") == "\\u0000"
    assert await shop.value("SELECT raw->>'total' FROM store.sales_order WHERE tenant_id = $1") == "10.10"


# An open transaction of the platform


async def test_an_import_does_not_wait_for_stock_that_the_platform_has_locked(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog, connection: asyncpg.Connection
) -> None:
    await shop.sell("A", "B")
    await shop.forget_changes()
    async with connection.transaction():
        await connection.execute("UPDATE store.stock SET on_hand = 20 WHERE sku = 'A'")

        async with asyncio.timeout(2):
            await orders.import_order(shop.lease, document(ID, ("A", 2), ("B", 1)), RAW, reserve=True)
            assert await orders.settle(shop.id) == 0

        assert await shop.stock("A") == (10, 0)
        assert await shop.stock("B") == (10, 1)
        assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 8
        assert ("stock", "A") in await shop.changes()

    assert await orders.settle(shop.id) == 1
    assert await shop.stock("A") == (20, 2)
    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 18


async def test_an_import_does_not_wait_for_a_stock_table_that_is_being_loaded_anew(
    shop: Shop, orders: StoreOrders, connection: asyncpg.Connection
) -> None:
    await shop.sell("A")
    async with connection.transaction():
        await connection.execute("TRUNCATE store.stock")
        await connection.execute("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, 'A', 7)", shop.id)

        async with asyncio.timeout(2):
            await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)

    assert await orders.settle(shop.id) == 1
    assert await shop.stock("A") == (7, 2)


async def test_a_platform_transaction_that_stays_open_holds_up_neither_fold_nor_import(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog, connection: asyncpg.Connection
) -> None:
    await shop.sell("A", "B")
    await orders.import_order(shop.lease, document(ID, ("A", 1)), RAW, reserve=True)
    async with connection.transaction():
        for table, column in {"product": "name = 'x'", "price": "price = 1", "stock": "on_hand = 99"}.items():
            await connection.execute(f"UPDATE store.{table} SET {column}")
        await connection.execute(
            "INSERT INTO store.variation (tenant_id, sku, product_sku) VALUES ($1, 'A-1', 'A')", shop.id
        )
        await connection.execute("UPDATE store.sales_order SET status = 'approved'")

        async with asyncio.timeout(5):
            folded = await shop.pool.fetchrow(
                "SELECT * FROM rocksync.fold($1, 'order', $2, 1000)", shop.id, shop.lease.token
            )
            await orders.note(shop.lease, [hub_order("5f00000000000000000000a2")])
            second = await orders.import_order(
                shop.lease, document("5f00000000000000000000a2", ("A", 1), ("B", 2)), RAW, reserve=True
            )
            moved = await orders.move(shop.lease, second, OrderStatus.APPROVED, RAW, reserve=True)
            stocks = await catalog.stocks(shop.id, ["A", "B"])
            await orders.saw(shop.lease, watermark=PLACED_AT, reconciled=True, hub_user="7")

    assert folded["held"]
    assert moved
    assert {sku: stock.sellable for sku, stock in stocks.items()} == {"A": 8, "B": 8}


async def test_stock_counts_stay_right_while_platform_and_worker_write_them_at_once(
    shop: Shop, orders: StoreOrders
) -> None:
    await shop.sell("A", "B")

    async def count_in() -> None:
        await shop.pool.execute("UPDATE store.stock SET on_hand = on_hand + 1 WHERE tenant_id = $1", shop.id)

    async def sell(number: int) -> None:
        await orders.import_order(shop.lease, document(f"{number:024x}", ("A", 1), ("B", 2)), RAW, reserve=True)

    await asyncio.gather(*(each for n in range(40) for each in (count_in(), sell(n))))
    await orders.settle(shop.id)

    assert await shop.stock("A") == (50, 40)
    assert await shop.stock("B") == (50, 80)
    assert await shop.value("SELECT count(*) FROM rocksync.reservation WHERE tenant_id = $1 AND settled <> wanted") == 0


async def test_a_move_of_an_order_that_the_platform_is_invoicing_is_put_off(
    shop: Shop, orders: StoreOrders, connection: asyncpg.Connection
) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    async with connection.transaction():
        await invoice(connection, shop, store.id)

        async with asyncio.timeout(2):
            moved = await orders.move(shop.lease, store, OrderStatus.APPROVED, RAW, reserve=True)

    assert not moved
    assert await orders.move(shop.lease, store, OrderStatus.APPROVED, RAW, reserve=True)
    assert (await orders.rows(shop.id, [ID]))[ID].store.status is OrderStatus.INVOICED


async def test_stock_shown_in_a_view_that_cannot_be_written_stops_no_import(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog
) -> None:
    await shop.sell("A")
    await shop.pool.execute(
        """ALTER TABLE store.stock RENAME TO warehouse;
           CREATE VIEW store.stock AS
           SELECT tenant_id, sku, sum(on_hand)::int AS on_hand, 0 AS reserved, now() AS updated_at
             FROM store.warehouse GROUP BY tenant_id, sku"""
    )

    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)

    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 8


@pytest.mark.parametrize("columns", ["on_hand, 0 AS reserved, updated_at", "on_hand, reserved, now() AS updated_at"])
async def test_stock_shown_in_a_view_that_can_be_written_in_part_is_not_tried_to_be(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog, connection: asyncpg.Connection, columns: str
) -> None:
    await shop.sell("A")
    await shop.pool.execute(
        f"""ALTER TABLE store.stock RENAME TO warehouse;
            CREATE VIEW store.stock AS SELECT tenant_id, sku, {columns} FROM store.warehouse"""
    )
    said: list[str] = []
    connection.add_log_listener(lambda *heard: said.append(heard[1].message))

    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    settled = await connection.fetchval("SELECT rocksync.settle($1)", shop.id)

    assert (settled, said) == (0, [])
    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 8


@pytest.mark.parametrize(
    "tables", ["store.warehouse w", "store.warehouse w JOIN rocksync.tenant t ON t.id = tenant_id"]
)
async def test_stock_is_shown_in_a_view_that_is_written_by_a_trigger(
    shop: Shop, orders: StoreOrders, tables: str
) -> None:
    await shop.sell("A")
    await shop.pool.execute(
        f"""ALTER TABLE store.stock RENAME TO warehouse;
            CREATE VIEW store.stock AS
            SELECT tenant_id, sku, on_hand, reserved + 0 AS reserved, updated_at FROM {tables};
            CREATE FUNCTION store.write() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN UPDATE store.warehouse w SET on_hand = new.on_hand, reserved = new.reserved
                   WHERE w.tenant_id = new.tenant_id AND w.sku = new.sku; RETURN new; END $$;
            CREATE TRIGGER write INSTEAD OF UPDATE ON store.stock FOR EACH ROW EXECUTE FUNCTION store.write()"""
    )

    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)

    assert await shop.stock("A") == (10, 2)


async def test_stock_is_shown_in_a_view_that_is_written_by_a_rule(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    await shop.pool.execute(
        """ALTER TABLE store.stock RENAME TO warehouse;
           CREATE VIEW store.stock AS
           SELECT tenant_id, sku, on_hand, reserved + 0 AS reserved, updated_at FROM store.warehouse;
           CREATE RULE write AS ON UPDATE TO store.stock DO INSTEAD
           UPDATE store.warehouse SET on_hand = new.on_hand, reserved = new.reserved
            WHERE tenant_id = new.tenant_id AND sku = new.sku"""
    )

    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)

    assert await shop.stock("A") == (10, 2)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("ALTER TABLE store.stock ADD CHECK (sku <> 'A' OR reserved <= 1)", id="check"),
        pytest.param(
            """CREATE FUNCTION store.one_at_most() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN IF new.sku = 'A' AND new.reserved > 1 THEN RAISE 'too many'; END IF; RETURN new; END $$;
               CREATE TRIGGER one_at_most BEFORE UPDATE ON store.stock
                   FOR EACH ROW EXECUTE FUNCTION store.one_at_most()""",
            id="trigger",
        ),
        *(
            pytest.param(
                f"""CREATE FUNCTION store.one_at_most() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN IF new.sku = 'A' THEN {action} END IF; RETURN new; END $$;
                    CREATE TRIGGER one_at_most BEFORE UPDATE ON store.stock
                        FOR EACH ROW EXECUTE FUNCTION store.one_at_most()""",
                id=name,
            )
            for name, action in {
                "trigger that leaves the row": "RETURN NULL;",
                "trigger that lets less be reserved": "new.reserved := least(new.reserved, 1);",
            }.items()
        ),
    ],
)
async def test_a_sku_whose_reservation_the_platform_refuses_stops_neither_the_order_nor_other_skus(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog, rule: str
) -> None:
    await shop.sell("A", "B")
    await shop.pool.execute(rule)

    store = await orders.import_order(shop.lease, document(ID, ("A", 2), ("B", 3)), RAW, reserve=True)

    assert (await shop.stock("A"), await shop.stock("B")) == ((10, 0), (10, 3))
    sellable = {sku: stock.sellable for sku, stock in (await catalog.stocks(shop.id, ["A", "B"])).items()}
    assert sellable == {"A": 8, "B": 7}
    assert await orders.settle(shop.id) == 0
    assert await orders.move(shop.lease, store, OrderStatus.CANCELED, RAW, reserve=True)
    assert await shop.stock("B") == (10, 0)
    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 10
