import asyncio
from datetime import timedelta

import asyncpg
import pytest

from rocksync.domain.orders import OrderStatus
from rocksync.store.orders import StoreOrders
from tests.store.shop import ID, PLACED_AT, RAW, Shop, document, hub_order, invoice

OTHER_ID = "5f00000000000000000000a2"

# Status and stock


async def ship(shop: Shop, order_id: int) -> None:
    await shop.pool.execute("INSERT INTO store.shipment (tenant_id, order_id) VALUES ($1, $2)", shop.id, order_id)


async def test_an_invoice_takes_stock_off_hand_and_a_cancellation_before_shipping_gives_it_back(
    shop: Shop, orders: StoreOrders
) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await orders.move(shop.lease, store, OrderStatus.APPROVED, RAW, reserve=True)
    assert await shop.stock("A") == (10, 2)

    await invoice(shop.pool, shop, store.id)
    invoiced = (await orders.rows(shop.id, [ID]))[ID].store
    assert invoiced is not None
    assert invoiced.status is OrderStatus.INVOICED
    assert invoiced.invoice is not None
    assert invoiced.invoice.key == "35"
    await orders.move(shop.lease, invoiced, invoiced.status, RAW, reserve=True)
    assert await shop.stock("A") == (8, 0)

    await orders.move(shop.lease, invoiced, OrderStatus.CANCELED, RAW, reserve=True)
    assert await shop.stock("A") == (10, 0)


async def test_what_was_shipped_does_not_come_back_by_a_cancellation(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await ship(shop, store.id)

    assert await orders.move(shop.lease, store, OrderStatus.CANCELED, RAW, reserve=True)

    assert (await orders.rows(shop.id, [ID]))[ID].store.status is OrderStatus.CANCELED
    assert await shop.stock("A") == (8, 0)


async def test_a_cancellation_gives_back_what_was_reserved_whether_shown_yet_or_not(
    shop: Shop, orders: StoreOrders, connection: asyncpg.Connection
) -> None:
    await shop.sell("A", "B")
    async with connection.transaction():
        await connection.execute("UPDATE store.stock SET on_hand = 20 WHERE sku = 'B'")
        store = await orders.import_order(shop.lease, document(ID, ("A", 2), ("B", 1)), RAW, reserve=True)
        await shop.forget_changes()

        await orders.move(shop.lease, store, OrderStatus.CANCELED, RAW, reserve=True)

        assert await shop.changes() >= {("stock", "A"), ("stock", "B")}
    assert await shop.stock("A") == (10, 0)
    assert await shop.stock("B") == (20, 0)
    assert await shop.value("SELECT count(*) FROM rocksync.reservation WHERE tenant_id = $1 AND settled <> wanted") == 0


@pytest.mark.parametrize(
    ("present", "to", "then"),
    [
        ("approved", "pending", "approved"),
        ("shipped", "approved", "shipped"),
        ("delivered", "canceled", "delivered"),
        ("canceled", "approved", "canceled"),
        ("canceled", "delivered", "canceled"),
        ("shipped", "canceled", "canceled"),
        ("pending", "approved", "approved"),
        ("pending", "pending", "pending"),
    ],
)
async def test_a_status_never_moves_backwards(
    shop: Shop, orders: StoreOrders, present: str, to: str, then: str
) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.pool.execute("UPDATE store.sales_order SET status = $1", present)

    assert await orders.move(shop.lease, store, OrderStatus(to), RAW, reserve=True)

    assert (await orders.rows(shop.id, [ID]))[ID].store.status == then


async def test_a_tenant_that_reserves_no_more_lets_go_of_what_is_not_off_hand(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A", "B")
    waiting = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    taken = await orders.import_order(
        shop.lease, document("5f00000000000000000000a2", ("B", 1), status="invoiced"), RAW, reserve=True
    )

    await orders.move(shop.lease, waiting, OrderStatus.APPROVED, RAW, reserve=False)
    await orders.move(shop.lease, taken, OrderStatus.INVOICED, RAW, reserve=False)

    assert await shop.stock("A") == (10, 0)
    assert await shop.stock("B") == (9, 0)


async def test_a_deletion_that_is_not_committed_holds_up_no_switch_and_nothing_is_held_after_it(
    shop: Shop, orders: StoreOrders, connection: asyncpg.Connection
) -> None:
    await shop.sell("A", "B")
    await orders.note(shop.lease, [hub_order(), hub_order(OTHER_ID)])
    deleted = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await orders.import_order(shop.lease, document(OTHER_ID, ("B", 3)), RAW, reserve=True)
    await orders.catch_up(shop.lease, reserve=True)
    async with connection.transaction():
        await connection.execute("DELETE FROM store.sales_order WHERE id = $1", deleted.id)
        for reserve, held in ((False, 0), (True, 3)):
            async with asyncio.timeout(10):
                await orders.catch_up(shop.lease, reserve=reserve)
            assert await shop.stock("B") == (10, held)

    await orders.catch_up(shop.lease, reserve=True)
    assert await shop.stock("A") == (10, 0)


async def test_an_order_that_a_switch_found_locked_follows_later(
    shop: Shop, orders: StoreOrders, connection: asyncpg.Connection
) -> None:
    await shop.sell("A")
    await orders.note(shop.lease, [hub_order()])
    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await orders.catch_up(shop.lease, reserve=True)
    await orders.catch_up(shop.lease, reserve=False)
    async with connection.transaction():
        await connection.execute("SELECT FROM store.sales_order FOR UPDATE")
        await orders.catch_up(shop.lease, reserve=True)

    await orders.catch_up(shop.lease, reserve=True)
    assert await shop.stock("A") == (10, 2)


async def test_orders_are_let_go_of_although_the_store_has_one_of_its_own_that_holds_nothing(
    shop: Shop, orders: StoreOrders
) -> None:
    await shop.sell("A")
    own = await shop.value(
        "INSERT INTO store.sales_order (tenant_id, pluggto_id, status, total) VALUES ($1, $2, 'approved', 9)"
        " RETURNING id",
        OTHER_ID,
    )
    await shop.value(
        "INSERT INTO store.sales_order_item (tenant_id, order_id, line, sku, quantity, unit_price, total)"
        " VALUES ($1, $2, 1, 'A', 1, 9, 9)",
        own,
    )
    await orders.note(shop.lease, [hub_order(), hub_order(OTHER_ID)])
    await orders.catch_up(shop.lease, reserve=True)
    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)

    await orders.catch_up(shop.lease, reserve=False)

    assert await shop.stock("A") == (10, 0)


async def test_what_left_the_house_while_nothing_was_reserved_is_not_taken_when_it_is_cancelled_later(
    shop: Shop, orders: StoreOrders
) -> None:
    await shop.sell("A")
    await orders.note(shop.lease, [hub_order()])
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await orders.catch_up(shop.lease, reserve=True)
    await orders.catch_up(shop.lease, reserve=False)
    await ship(shop, store.id)
    await shop.pool.execute("UPDATE store.sales_order SET status = 'canceled'")

    await orders.catch_up(shop.lease, reserve=True)
    await orders.move(shop.lease, store, OrderStatus.CANCELED, RAW, reserve=True)

    assert await shop.stock("A") == (10, 0)


async def test_the_platform_cancelling_or_deleting_an_order_lets_its_stock_go(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A", "B")
    canceled = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    deleted = await orders.import_order(shop.lease, document("5f00000000000000000000a2", ("B", 1)), RAW, reserve=True)
    await shop.forget_changes()

    await shop.pool.execute("UPDATE store.sales_order SET status = 'canceled' WHERE id = $1", canceled.id)
    await shop.pool.execute("DELETE FROM store.sales_order WHERE id = $1", deleted.id)

    assert await shop.changes() == {("order", ID), ("stock", "B")}
    assert await orders.move(shop.lease, canceled, OrderStatus.CANCELED, RAW, reserve=True)
    assert await orders.move(shop.lease, deleted, OrderStatus.APPROVED, RAW, reserve=True)
    assert await shop.stock("A") == (10, 0)
    assert await shop.stock("B") == (10, 0)


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.APPROVED])
async def test_moves_of_a_worker_do_not_make_the_order_pending_again(
    shop: Shop, orders: StoreOrders, status: OrderStatus
) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.forget_changes()

    await orders.move(shop.lease, store, status, RAW, reserve=True)

    assert await shop.changes() == set()


async def test_a_reservation_of_a_sku_without_stock_waits_for_its_row(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    await shop.pool.execute("DELETE FROM store.stock")

    await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    assert await orders.settle(shop.id) == 0
    await shop.pool.execute("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, 'A', 5)", shop.id)

    assert await orders.settle(shop.id) == 1
    assert await shop.stock("A") == (5, 2)


async def test_absurd_quantities_end_at_the_bounds_and_stop_no_other_order(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A", "B")

    for n in range(3):
        await orders.import_order(shop.lease, document(f"{n:024x}", ("A", 2**31 - 1)), RAW, reserve=True)
    await orders.import_order(shop.lease, document(ID, ("B", 1)), RAW, reserve=True)

    assert await shop.stock("A") == (10, 2**31 - 1)
    assert await shop.stock("B") == (10, 1)


# Parked orders


async def test_an_order_with_an_unknown_sku_is_parked_until_the_store_knows_all_of_them(
    shop: Shop, orders: StoreOrders
) -> None:
    await shop.sell("P")
    await shop.vary("P", "P-1")
    await orders.note(shop.lease, [hub_order()])
    assert await orders.unknown_skus(shop.id, ["P", "P-1", "X", "Y", "X"]) == {"P", "X", "Y"}
    await orders.park(shop.lease, ID, ["Y", "X"])
    await shop.pool.execute("UPDATE rocksync.item SET state = 'quarantined', reason = 'unknown_sku', detail = 'X, Y'")

    assert await orders.unpark(shop.lease) == 0
    await shop.sell("X")
    assert await orders.unpark(shop.lease) == 0
    await shop.vary("P", "Y")
    assert await orders.unpark(shop.lease) == 1
    assert await orders.unpark(shop.lease) == 0

    item = await shop.item(ID)
    assert item is not None
    assert (item["state"], item["detail"], item["changed_at"]) == ("pending", None, hub_order().modified_at)


async def test_a_parked_order_that_is_cancelled_waits_no_more(shop: Shop, orders: StoreOrders) -> None:
    await orders.note(shop.lease, [hub_order()])
    await orders.park(shop.lease, ID, ["X"])

    await orders.note(shop.lease, [hub_order(status="canceled")])
    await shop.sell("X")

    assert await orders.unpark(shop.lease) == 0
    item = await shop.item(ID)
    assert item is not None
    assert item["state"] == "skipped"


async def test_an_order_that_was_never_noted_can_be_parked(shop: Shop, orders: StoreOrders) -> None:
    await orders.park(shop.lease, ID, ["X"])
    await shop.sell("X")

    assert await orders.unpark(shop.lease) == 1
    assert await orders.note(shop.lease, [hub_order()]) == 1


# How far orders were read


async def test_the_watermark_never_goes_back_and_documents_that_are_done_are_dropped(
    shop: Shop, orders: StoreOrders
) -> None:
    waiting = hub_order("5f00000000000000000000a2")
    await orders.note(shop.lease, [hub_order(), waiting])
    await shop.pool.execute("UPDATE rocksync.item SET state = 'synced', reason = 'in_sync' WHERE key = $1", ID)

    await orders.saw(shop.lease, watermark=PLACED_AT, reconciled=False, hub_user="7")
    first = await shop.pool.fetchrow("SELECT * FROM rocksync.schedule WHERE kind = 'order'")
    await orders.saw(shop.lease, watermark=PLACED_AT - timedelta(days=1), reconciled=True, hub_user=None)
    await orders.saw(shop.lease, watermark=None, reconciled=False, hub_user="7")

    schedule = await shop.pool.fetchrow("SELECT * FROM rocksync.schedule WHERE kind = 'order'")
    assert (first["watermark"], first["reconciled_at"]) == (PLACED_AT, None)
    assert schedule["watermark"] == PLACED_AT
    assert schedule["reconciled_at"] is not None
    assert await shop.value("SELECT hub_user FROM rocksync.tenant WHERE id = $1") == "7"
    rows = await orders.rows(shop.id, [ID, waiting.id])
    assert rows[ID].document is None
    assert rows[waiting.id].document is not None
