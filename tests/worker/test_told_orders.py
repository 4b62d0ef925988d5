"""Invoices and tracking of orders that the hub has moved on, or shows otherwise than they were sent."""

from typing import Any

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.test_orders import KEY, invoice, sell, ship
from tests.worker.world import Shop, World

IN_SYNC = ("synced", "in_sync")


async def told(world: World, *, shipped: bool = False) -> tuple[Shop, dict[str, Any]]:
    """A shop, and an order whose invoice, and tracking if it is *shipped*, the hub was told."""
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order)
    if shipped:
        await ship(shop, order)
    await world.sync(shop, Kind.ORDER)
    assert await shop.why("order", order["id"]) == IN_SYNC
    return shop, order


@pytest.mark.parametrize("status", ["delivery_accepted", "partial_canceled", "partial_shipped", "in_transit"])
@pytest.mark.parametrize("shipped", [False, True])
async def test_an_order_in_an_unknown_or_a_further_status_is_left_there(
    world: World, status: str, shipped: bool
) -> None:
    shop, order = await told(world, shipped=shipped)
    mark = world.mark()

    shop.market.set_status(order["id"], status)
    await world.sync(shop, Kind.ORDER)

    assert world.sent(mark) == []
    assert world.hub.order(shop.user, order["id"])["status"] == status
    assert await shop.why("order", order["id"]) == IN_SYNC


async def test_an_invoice_is_told_of_an_order_in_an_unknown_status_without_one(world: World) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    shop.market.set_status(order["id"], "partial_canceled")

    await ship(shop, order)
    await world.sync(shop, Kind.ORDER)
    assert await shop.why("order", order["id"]) == ("skipped", "invalid_invoice")
    await invoice(shop, order)
    await world.sync(shop, Kind.ORDER)

    seen = world.hub.order(shop.user, order["id"])
    assert seen["status"] == "partial_canceled"
    assert (seen["shipments"][0]["nfe_key"], seen["shipments"][0]["track_code"]) == (KEY, "QC123456729BR")
    assert await shop.why("order", order["id"]) == IN_SYNC
