"""An order that the store has deleted comes back when an operator asks for it, and never by itself."""

from datetime import timedelta
from typing import Any

import pytest

from rocksync.cli.chain import chain
from rocksync.domain.tenancy import Kind
from rocksync.postgres.desk import Desk, Keys
from rocksync.postgres.schedules import Schedules
from tests.worker.test_orders import imported, sell
from tests.worker.world import Shop, World

DELETE = "DELETE FROM store.sales_order WHERE tenant_id = $1"
NOT_SELECTED = ("skipped", "not_selected")


async def deleted(world: World, status: str = "approved", *, settled: bool = True) -> tuple[Shop, dict[str, Any]]:
    """A shop, and an order that was imported and then deleted; *settled*: after it was seen with its number."""
    shop, order = await sell(world, status=status)
    for _ in range(2 if settled else 1):
        await world.sync(shop, Kind.ORDER)
    await imported(shop, order)
    await shop.sql(DELETE)
    return shop, order


async def resend(world: World, shop: Shop, order: dict[str, Any]) -> None:
    keys = Keys(name=order["id"], by_kind={Kind.ORDER: order["id"]})
    await Desk(world.pool).resend(shop.id, shop.slug, keys)
    await world.sync(shop, Kind.ORDER)


async def detail(world: World, shop: Shop, order: dict[str, Any]) -> str:
    """What is said of an order that is not in the store: the same everywhere."""
    told = await chain(world.app, shop.slug, "order", order["id"], attempts=1)
    said: str = (await shop.item("order", order["id"]))["detail"]
    assert await shop.order(order["id"]) is None
    assert await shop.why("order", order["id"]) == NOT_SELECTED
    assert (told.verdict.reason, told.verdict.detail) == ("not_selected", said)
    return said


@pytest.mark.parametrize("how", ["acknowledged", "approved", "touched", "picking", "notified", "marked", "forgotten"])
async def test_a_deleted_order_does_not_come_back_whatever_becomes_of_it(world: World, how: str) -> None:
    shop, order = await deleted(world, "pending" if how == "approved" else "approved", settled=how != "acknowledged")
    match how:
        case "approved":
            shop.market.approve(order["id"])
        case "touched":
            shop.market.change(order["id"], {"receiver_city": "Natal"})
        case "picking":
            shop.market.set_status(order["id"], "picking")
        case "notified":
            await shop.sql("SELECT rocksync.mark_changed($1, 'order', ARRAY[$2::text])", order["id"])
        case "marked":
            await shop.sql("SELECT rocksync.mark_all($1, ARRAY['order'])")
        case "forgotten":
            await shop.sql("DELETE FROM rocksync.item WHERE tenant_id = $1 AND kind = 'order'")
            await shop.sql("UPDATE rocksync.hub_order SET digest = '' WHERE tenant_id = $1")

    await world.sync(shop, Kind.ORDER)

    again = f"rocksync resend loja order {order['id']} imports it again"
    assert await detail(world, shop, order) == f"imported, then deleted from the store: {again}"


@pytest.mark.parametrize(
    ("status", "becomes"), [("pending", "pending"), ("approved", "approved"), ("picking", "approved")]
)
async def test_a_deleted_order_comes_back_once_when_it_is_resent(world: World, status: str, becomes: str) -> None:
    shop, order = await deleted(world, "pending")
    if status != "pending":
        shop.market.set_status(order["id"], status)
    await world.sync(shop, Kind.ORDER)

    await resend(world, shop, order)

    row = await imported(shop, order)
    assert row["status"] == becomes
    assert await shop.stock("A") == (10, 2)
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")
    assert world.hub.order(shop.user, order["id"])["external"] == str(row["id"])
    await shop.sql(DELETE)
    shop.market.change(order["id"], {"receiver_city": "Natal"})
    await world.sync(shop, Kind.ORDER)
    assert await shop.order(order["id"]) is None


async def test_a_deleted_order_that_is_resent_waits_for_a_sku_as_any_other(world: World) -> None:
    shop, order = await deleted(world)
    await shop.sql("DELETE FROM store.product WHERE tenant_id = $1 AND sku = 'A'")
    await resend(world, shop, order)
    parked = await shop.why("order", order["id"])

    await shop.product("A")
    await world.sync(shop, Kind.ORDER)

    assert parked == ("quarantined", "unknown_sku")
    assert (await imported(shop, order))["status"] == "approved"


async def test_a_deleted_order_that_is_cancelled_does_not_come_back_when_it_is_resent(world: World) -> None:
    shop, order = await deleted(world)
    shop.market.cancel(order["id"])
    await world.sync(shop, Kind.ORDER)

    await resend(world, shop, order)

    assert await detail(world, shop, order) == "imported, then deleted from the store; canceled at Plugg.to"


async def test_a_deleted_order_does_not_come_back_as_its_number_was_told_without_an_answer(world: World) -> None:
    shop, order = await sell(world)
    world.hub.add_fault("drop-after-write@PUT /orders/{id}x8")
    await world.sync(shop, Kind.ORDER)
    assert (await shop.item("order", order["id"]))["resend"] is True

    await shop.sql(DELETE)
    await world.again(shop)

    assert await detail(world, shop, order)


async def test_an_order_that_is_deleted_is_remembered_however_old_it_is(world: World) -> None:
    shop, order = await deleted(world)
    shop.market.change(order["id"], {"receiver_city": "Natal"})
    await world.sync(shop, Kind.ORDER)
    await shop.sql("UPDATE rocksync.hub_order SET seen_at = now() - $2::interval WHERE tenant_id = $1", timedelta(99))
    await Schedules(world.pool, lease_s=60).sweep(keep_history_days=30, keep_orders_days=30)

    shop.market.change(order["id"], {"receiver_city": "Recife"})
    await world.sync(shop, Kind.ORDER)

    assert await detail(world, shop, order)


@pytest.mark.parametrize("listed", [True, False])
async def test_an_order_of_which_no_more_was_known_is_remembered_once_it_is_seen_in_the_store(
    world: World, listed: bool
) -> None:
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    await shop.sql("DELETE FROM rocksync.hub_order WHERE tenant_id = $1")
    if not listed:
        world.hub.add_fault("stale-lists=3600")
        await shop.sql("SELECT rocksync.mark_changed($1, 'order', ARRAY[$2::text])", order["id"])
    await world.sync(shop, Kind.ORDER)
    world.hub.remove_faults()

    await shop.sql(DELETE)
    shop.market.change(order["id"], {"receiver_city": "Natal"})
    await world.sync(shop, Kind.ORDER)

    assert await detail(world, shop, order)
