"""What open orders hold of the stock, whatever the platform does to settings, stock rows and statuses meanwhile."""

import pytest

from tests.worker.test_orders import imported, invoice, sell, ship
from tests.worker.world import World

_SWITCH = "UPDATE rocksync.tenant SET settings = jsonb_build_object('reserve_stock', $2::boolean) WHERE id = $1"


async def test_orders_that_are_open_when_reserving_is_switched_hold_nothing_and_then_everything_again(
    world: World,
) -> None:
    shop, _ = await sell(world)
    await world.sync(shop)
    assert (await shop.stock("A"), shop.at_hub("A")["quantity"]) == ((10, 2), 8)

    await shop.sql(_SWITCH, False)
    await world.sync(shop)
    assert (await shop.stock("A"), shop.at_hub("A")["quantity"]) == ((10, 0), 10)

    shop.market.create_order([{"sku": "A", "quantity": 3, "price": 10}])
    await world.sync(shop)
    assert await shop.stock("A") == (10, 0)

    await shop.sql(_SWITCH, True)
    await world.sync(shop)
    assert (await shop.stock("A"), shop.at_hub("A")["quantity"]) == ((10, 5), 5)


async def test_what_was_invoiced_while_reserving_was_off_is_not_taken_off_hand_afterwards(world: World) -> None:
    shop, order = await sell(world)
    other = shop.market.create_order([{"sku": "A", "quantity": 3, "price": 10}])
    await world.sync(shop)
    await shop.sql(_SWITCH, False)
    await world.sync(shop)
    await invoice(shop, order)
    await world.sync(shop)

    await shop.sql(_SWITCH, True)
    await world.sync(shop)
    assert await shop.stock("A") == (10, 3)
    await ship(shop, order)
    await invoice(shop, other)
    await world.sync(shop)

    assert await shop.stock("A") == (7, 0)


@pytest.mark.parametrize(("rows", "status"), [("invoice", "invoiced"), ("shipment", "shipped")])
async def test_an_older_status_written_over_an_order_gives_way_to_its_invoice_and_shipment(
    world: World, rows: str, status: str
) -> None:
    shop, order = await sell(world)
    await world.sync(shop)
    await invoice(shop, order)
    if rows == "shipment":
        await ship(shop, order)
    await world.sync(shop)
    assert await shop.stock("A") == (8, 0)

    await shop.sql("UPDATE store.sales_order SET status = 'approved' WHERE tenant_id = $1")
    await world.sync(shop)

    assert (await imported(shop, order))["status"] == status
    assert await shop.stock("A") == (8, 0)
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_an_order_invoiced_without_an_invoice_says_that_the_hub_is_not_told(world: World) -> None:
    shop, order = await sell(world)
    await world.sync(shop)
    await shop.sql("UPDATE store.sales_order SET status = 'invoiced' WHERE tenant_id = $1")

    await world.sync(shop)
    assert await shop.why("order", order["id"]) == ("skipped", "invalid_invoice")

    await invoice(shop, order)
    await world.sync(shop)
    assert world.hub.order(shop.user, order["id"])["status"] == "invoiced"
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_a_sku_whose_stock_row_another_takes_over_is_still_held(world: World) -> None:
    shop, _ = await sell(world)
    await world.sync(shop)

    await shop.sql("UPDATE store.stock SET sku = 'A-old' WHERE tenant_id = $1 AND sku = 'A'")
    await shop.sql("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, 'A', 7)")
    await world.sync(shop)

    assert (await shop.stock("A"), shop.at_hub("A")["quantity"]) == ((7, 2), 5)


@pytest.mark.parametrize("looked_at", [False, True])
async def test_an_order_that_is_deleted_and_written_again_holds_its_stock(world: World, looked_at: bool) -> None:
    shop, order = await sell(world)
    await world.sync(shop)
    await world.sync(shop)
    await shop.pool.execute(
        "CREATE TABLE orders AS TABLE store.sales_order; CREATE TABLE lines AS TABLE store.sales_order_item;"
        " DELETE FROM store.sales_order"
    )
    if looked_at:
        shop.market.set_status(order["id"], "picking")
        await world.sync(shop)
    await shop.pool.execute(
        "INSERT INTO store.sales_order OVERRIDING SYSTEM VALUE TABLE orders;"
        " INSERT INTO store.sales_order_item TABLE lines; DROP TABLE orders, lines"
    )
    await world.sync(shop)

    assert (await shop.stock("A"), shop.at_hub("A")["quantity"]) == ((10, 2), 8)
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")
