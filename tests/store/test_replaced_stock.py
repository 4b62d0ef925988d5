"""What orders hold of stock rows that the platform loads anew, and of orders whose table is emptied."""

import asyncpg
import pytest

from rocksync.domain.orders import OrderStatus
from rocksync.store.catalog import StoreCatalog
from rocksync.store.orders import StoreOrders
from tests.store.shop import ID, RAW, Shop, document, open_shop

OTHER_ID = "5f00000000000000000000a2"
_EMPTY = "TRUNCATE store.stock"
_DELETE = "DELETE FROM store.stock"
_LOAD = "INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT id, 'A', 10 FROM rocksync.tenant"


@pytest.mark.parametrize(
    "transactions",
    [
        pytest.param([f"{_EMPTY}; {_LOAD}"], id="emptied and loaded"),
        pytest.param([f"{_DELETE}; {_LOAD}"], id="deleted and loaded"),
        pytest.param([_DELETE, _LOAD], id="deleted, later loaded"),
        pytest.param([_EMPTY, _LOAD, _DELETE, _LOAD], id="twice"),
    ],
)
async def test_a_row_that_is_loaded_anew_shows_what_orders_hold_of_it(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog, transactions: list[str]
) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    assert await shop.stock("A") == (10, 2)
    for transaction in transactions:
        await shop.pool.execute(transaction)

    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 8
    assert await orders.settle(shop.id) == 1
    assert await shop.stock("A") == (10, 2)
    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 8

    await orders.import_order(shop.lease, document(OTHER_ID, ("A", 3)), RAW, reserve=True)
    await orders.move(shop.lease, store, OrderStatus.CANCELED, RAW, reserve=True)
    assert await shop.stock("A") == (10, 3)
    assert await shop.value("SELECT count(*) FROM rocksync.replaced_stock WHERE tenant_id = $1") == 0


async def test_a_row_that_comes_back_with_what_was_reserved_is_left_as_it_is(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog
) -> None:
    await shop.sell("A")
    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.pool.execute(
        "CREATE TABLE copied AS TABLE store.stock; TRUNCATE store.stock;"
        " INSERT INTO store.stock TABLE copied; DROP TABLE copied"
    )

    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 8
    assert await orders.settle(shop.id) == 0
    assert await shop.stock("A") == (10, 2)


async def test_an_order_that_ended_while_its_row_was_gone_holds_nothing_of_the_new_one(
    shop: Shop, orders: StoreOrders
) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.pool.execute(_DELETE)
    await orders.move(shop.lease, store, OrderStatus.CANCELED, RAW, reserve=True)
    await shop.pool.execute(_LOAD)

    await orders.settle(shop.id)

    assert await shop.stock("A") == (10, 0)


async def test_reservations_wait_for_a_load_that_is_not_committed(
    shop: Shop, orders: StoreOrders, connection: asyncpg.Connection
) -> None:
    await shop.sell("A")
    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    async with connection.transaction():
        await connection.execute(f"{_DELETE}; {_LOAD}")
        await orders.import_order(shop.lease, document(OTHER_ID, ("A", 3)), RAW, reserve=True)
        assert await orders.settle(shop.id) == 0

    assert await orders.settle(shop.id) == 2
    assert await shop.stock("A") == (10, 5)


async def test_a_load_with_an_older_snapshot_forgets_nothing_of_what_came_after(
    shop: Shop, orders: StoreOrders, catalog: StoreCatalog, connection: asyncpg.Connection
) -> None:
    await shop.sell("A")
    async with connection.transaction(isolation="repeatable_read"):
        await connection.fetch("SELECT FROM store.stock")
        await orders.import_order(shop.lease, document(ID, ("A", 3)), RAW, reserve=True)
        await connection.execute(f"{_EMPTY}; {_LOAD}")

    assert (await catalog.stocks(shop.id, ["A"]))["A"].sellable == 7
    assert await orders.settle(shop.id) == 1
    assert await shop.stock("A") == (10, 3)


async def test_orders_whose_table_is_emptied_hold_nothing_any_more(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.forget_changes()

    await shop.pool.execute("TRUNCATE store.sales_order CASCADE")

    assert ("stock", "A") in await shop.changes()
    await orders.settle(shop.id)
    assert await shop.stock("A") == (10, 0)


async def test_a_table_that_another_worker_looks_through_is_left_to_it(
    shop: Shop, orders: StoreOrders, connection: asyncpg.Connection
) -> None:
    await shop.sell("A")
    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.pool.execute(f"{_EMPTY}; {_LOAD}")
    async with connection.transaction():
        await connection.execute("SELECT FROM rocksync.replaced_stock FOR UPDATE")
        await orders.import_order(shop.lease, document(OTHER_ID, ("A", 3)), RAW, reserve=True)
        assert await shop.stock("A") == (10, 0)

    await orders.settle(shop.id)
    assert await shop.stock("A") == (10, 5)


async def test_what_another_tenant_holds_of_an_emptied_table_is_no_matter_of_this_one(
    shop: Shop, orders: StoreOrders
) -> None:
    other = await open_shop(shop.pool, "outra")
    await shop.sell("A")
    await other.sell("B")
    await orders.import_order(other.lease, document(ID, ("B", 2)), RAW, reserve=True)
    await shop.pool.execute(_EMPTY)

    await orders.settle(shop.id)

    assert await shop.value("SELECT count(*) FROM rocksync.replaced_stock WHERE tenant_id = $1") == 0
