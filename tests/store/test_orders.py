import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from rocksync.domain.errors import ItemError, LeaseLostError
from rocksync.domain.orders import OrderStatus
from rocksync.store.catalog import StoreCatalog
from rocksync.store.orders import StoreOrders
from tests.store.shop import PLACED_AT, Shop, document, hub_order

ID = "5f00000000000000000000a1"
RAW = '{"id": "5f00000000000000000000a1", "total": 10.10}'


def lost(shop: Shop) -> Shop:
    """The same shop as a worker sees it whose lease was taken over."""
    return replace(shop, lease=replace(shop.lease, token=shop.lease.token - 1))


# What the hub showed


async def test_an_order_seen_first_becomes_a_pending_item_with_its_document(shop: Shop, orders: StoreOrders) -> None:
    order = hub_order(note="olá")

    assert await orders.note(shop.lease, [order]) == 1

    item = await shop.item(ID)
    assert item is not None
    assert (item["state"], item["changed_at"]) == ("pending", order.modified_at)
    row = (await orders.rows(shop.id, [ID, "unheard of"]))[ID]
    assert row.document is not None
    assert "olá" in row.document
    assert row.store is None


async def test_an_order_shown_as_before_is_not_written(shop: Shop, orders: StoreOrders) -> None:
    await orders.note(shop.lease, [hub_order(), hub_order("5f00000000000000000000a2", "delivered")])
    before = await shop.value("SELECT array_agg(xmin::text || ctid::text) FROM rocksync.hub_order WHERE tenant_id = $1")
    await shop.pool.execute("UPDATE rocksync.item SET state = 'synced', reason = 'in_sync', changed_at = NULL")

    again = await orders.note(shop.lease, [hub_order(), hub_order("5f00000000000000000000a2", "delivered")])

    after = await shop.value("SELECT array_agg(xmin::text || ctid::text) FROM rocksync.hub_order WHERE tenant_id = $1")
    assert again == 0
    assert after == before
    item = await shop.item(ID)
    assert item is not None
    assert item["state"] == "synced"


async def test_the_order_of_members_in_a_document_does_not_count(shop: Shop, orders: StoreOrders) -> None:
    first = hub_order()
    await orders.note(shop.lease, [first])

    turned = replace(first, document=dict(reversed(list(first.document.items()))))

    assert await orders.note(shop.lease, [turned]) == 0


async def test_a_change_keeps_the_oldest_time_not_delivered_and_raises_the_revision(
    shop: Shop, orders: StoreOrders
) -> None:
    order = hub_order()
    await orders.note(shop.lease, [order])
    later = order.modified_at + timedelta(hours=1)

    assert await orders.note(shop.lease, [hub_order(status="approved", modified_at=later)]) == 1

    item = await shop.item(ID)
    assert item is not None
    assert (item["changed_at"], item["revision"]) == (order.modified_at, 2)


async def test_a_modification_time_in_the_future_is_now(shop: Shop, orders: StoreOrders) -> None:
    await orders.note(shop.lease, [hub_order(modified_at=datetime.now(UTC) + timedelta(days=300))])

    assert await shop.value("SELECT changed_at <= now() FROM rocksync.item WHERE tenant_id = $1 AND kind = 'order'")


async def test_a_stale_list_does_not_replace_newer_news(shop: Shop, orders: StoreOrders) -> None:
    stale = hub_order(status="pending")
    newer = hub_order(status="approved", modified_at=stale.modified_at + timedelta(minutes=1))
    await orders.note(shop.lease, [newer])

    assert await orders.note(shop.lease, [stale]) == 0
    assert await shop.value("SELECT status FROM rocksync.hub_order WHERE tenant_id = $1") == "approved"


async def test_news_of_the_same_or_no_time_are_taken(shop: Shop, orders: StoreOrders) -> None:
    await orders.note(shop.lease, [hub_order()])

    assert await orders.note(shop.lease, [hub_order(note="same time")]) == 1
    assert await orders.note(shop.lease, [hub_order(note="no time", modified_at=None)]) == 1
    assert await orders.note(shop.lease, [hub_order(modified_at=hub_order().modified_at - timedelta(days=1))]) == 0


async def test_an_order_twice_on_a_page_counts_once_as_its_newest(shop: Shop, orders: StoreOrders) -> None:
    old = hub_order(status="pending")
    new = hub_order(status="approved", modified_at=old.modified_at + timedelta(minutes=1))

    assert await orders.note(shop.lease, [new, old, new]) == 1
    assert await shop.value("SELECT status FROM rocksync.hub_order WHERE tenant_id = $1") == "approved"


@pytest.mark.parametrize("status", ["delivered", "canceled", "invoiced", "never heard of", "a\x00b"])
async def test_an_order_first_seen_in_another_status_is_skipped_and_its_document_not_kept(
    shop: Shop, orders: StoreOrders, status: str
) -> None:
    assert await orders.note(shop.lease, [hub_order(status=status)]) == 0

    item = await shop.item(ID)
    assert item is not None
    assert (item["state"], item["reason"], item["changed_at"]) == ("skipped", "not_selected", None)
    assert "first seen as" in item["detail"]
    seen = await shop.pool.fetchrow("SELECT status, document FROM rocksync.hub_order")
    assert (seen["status"], seen["document"]) == (status.replace("\0", ""), None)


async def test_orders_placed_before_orders_since_are_skipped(shop: Shop, orders: StoreOrders) -> None:
    lease = replace(shop.lease, tenant=replace(shop.lease.tenant, orders_since=PLACED_AT))
    early = hub_order("5f00000000000000000000a2", placed_at=PLACED_AT - timedelta(seconds=1))
    undated = hub_order("5f00000000000000000000a3", placed_at=None)

    assert await orders.note(lease, [hub_order(), early, undated]) == 2

    item = await shop.item(early.id)
    assert item is not None
    assert (item["state"], item["reason"]) == ("skipped", "not_selected")


async def test_an_order_of_the_store_is_looked_at_in_any_status(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    await orders.import_order(shop.lease, document(ID, ("A", 1)), RAW, reserve=True)

    assert await orders.note(shop.lease, [hub_order(status="never heard of")]) == 1


async def test_a_document_with_what_postgres_refuses_is_kept_without_it(shop: Shop, orders: StoreOrders) -> None:
    order = replace(hub_order(), document={"a\0": ["\0x", {"y": "\ud800z"}], "n": Decimal("1E+400000"), "i": 10**400})

    assert await orders.note(shop.lease, [order]) == 1
    assert (await orders.rows(shop.id, [ID]))[ID].document is not None


async def test_nothing_is_written_under_a_lost_lease(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 1)), RAW, reserve=True)
    await orders.park(shop.lease, "5f00000000000000000000a8", ["X"])
    old = lost(shop).lease

    for write in (
        orders.note(old, [hub_order("5f00000000000000000000a9")]),
        orders.park(old, ID, ["X"]),
        orders.unpark(old),
        orders.import_order(old, document("5f00000000000000000000a9", ("A", 1)), RAW, reserve=True),
        orders.move(old, store, OrderStatus.CANCELED, RAW, reserve=True),
        orders.saw(old, watermark=PLACED_AT, reconciled=True, hub_user="9"),
    ):
        with pytest.raises(LeaseLostError, match="loja order"):
            await write

    assert await shop.value("SELECT count(*) FROM rocksync.hub_order WHERE tenant_id = $1") == 1
    assert await shop.value("SELECT count(*) FROM store.sales_order WHERE tenant_id = $1") == 1
    assert await shop.stock("A") == (10, 1)
    assert await shop.value("SELECT hub_user FROM rocksync.tenant WHERE id = $1") is None


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


# Status and stock


async def invoice(connection: asyncpg.Connection | asyncpg.Pool, shop: Shop, order_id: int) -> None:
    await connection.execute(
        """INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)
           VALUES ($1, $2, '35', '1', '1', now())""",
        shop.id,
        order_id,
    )


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


async def test_a_move_that_changes_nothing_writes_nothing(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.forget_changes()

    await orders.move(shop.lease, store, OrderStatus.PENDING, RAW, reserve=True)

    assert await shop.changes() == set()


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


async def test_moves_of_a_worker_do_not_make_the_order_pending_again(shop: Shop, orders: StoreOrders) -> None:
    await shop.sell("A")
    store = await orders.import_order(shop.lease, document(ID, ("A", 2)), RAW, reserve=True)
    await shop.forget_changes()

    await orders.move(shop.lease, store, OrderStatus.APPROVED, RAW, reserve=True)

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
    assert await orders.unknown_skus(shop.id, ["P", "P-1", "X", "Y", "X"]) == {"X", "Y"}
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
