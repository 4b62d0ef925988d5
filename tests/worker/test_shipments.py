"""An order has one shipment at the hub, whatever happens to the writes that create it."""

from typing import Any

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.test_orders import KEY, invoice, sell, ship
from tests.worker.test_told_orders import IN_SYNC
from tests.worker.world import Shop, World


async def invoiced(world: World, fault: str) -> tuple[Shop, dict[str, Any]]:
    """A shop, and an order without a shipment at the hub, of which the *fault* struck the writing of its invoice."""
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order)
    await ship(shop, order)
    world.hub.add_fault(f"{fault}@PUT /orders/{{id}}x1")
    await world.sync(shop, Kind.ORDER)
    return shop, order


@pytest.mark.parametrize("fault", ["late-writes", "drop-after-write", "5xx-after-write", "cut-body"])
async def test_a_write_that_is_carried_out_late_or_not_answered_makes_one_shipment(world: World, fault: str) -> None:
    shop, order = await invoiced(world, fault)

    await world.again(shop)

    [shipment] = world.hub.order(shop.user, order["id"])["shipments"]
    assert (shipment["nfe_key"], shipment["track_code"]) == (KEY, "QC123456729BR")
    assert await shop.why("order", order["id"]) == IN_SYNC


@pytest.mark.parametrize("fault", ["outage", "dropped-writes"])
async def test_a_shipment_that_does_not_show_is_created_again_when_no_write_can_come_late(
    world: World, fault: str
) -> None:
    shop, order = await invoiced(world, fault)
    mark = world.mark()
    await world.again(shop)
    meanwhile = await shop.why("order", order["id"])
    assert [entry for entry in world.sent(mark, "PUT") if "shipments" in entry["body"]] == []

    await shop.sql(
        "UPDATE rocksync.hub_order SET shipment_begun_at = now() - interval '61 seconds' WHERE tenant_id = $1"
    )
    await world.again(shop)

    assert meanwhile == ("pending", "unconfirmed")
    [shipment] = world.hub.order(shop.user, order["id"])["shipments"]
    assert (shipment["nfe_key"], shipment["track_code"]) == (KEY, "QC123456729BR")
    assert await shop.why("order", order["id"]) == IN_SYNC
