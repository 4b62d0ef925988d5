from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rocksync.domain.errors import LeaseLostError
from rocksync.domain.orders import OrderStatus
from rocksync.store.orders import StoreOrders
from tests.store.shop import ID, PLACED_AT, RAW, Shop, document, hub_order, lost

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
    assert item["detail"].startswith(("first seen as", "canceled before"))
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
