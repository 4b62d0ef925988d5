"""An order has one shipment at the hub, whatever happens to the writes that create it."""

from typing import Any

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.test_orders import KEY, invoice, sell, ship, with_check_digit
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


@pytest.mark.parametrize("keys", [(None, KEY), (KEY, KEY)])
async def test_of_several_shipments_the_one_with_the_stores_invoice_is_written_to(
    world: World, keys: tuple[str | None, ...]
) -> None:
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    for key in keys:
        shop.market.add_shipment(order["id"], {"shipping_company": "Correios"} | ({"nfe_key": key} if key else {}))
    shop.market.add_shipment(order["id"], {"shipping_company": "Outra", "nfe_key": "9" * 44})

    await invoice(shop, order)
    await ship(shop, order)
    await world.sync(shop, Kind.ORDER)

    shipments = world.hub.order(shop.user, order["id"])["shipments"]
    told = [row for row in shipments if row["track_code"]]
    assert [(row["nfe_key"], row["track_code"]) for row in told] == [(KEY, "QC123456729BR")]
    assert len(shipments) == 3
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


async def test_an_invoice_that_was_refused_is_told_at_once_when_it_is_corrected(world: World) -> None:
    shop, order = await invoiced(world, "400")
    await shop.sql("UPDATE store.invoice SET number = '13' WHERE tenant_id = $1")

    await world.sync(shop, Kind.ORDER)

    [shipment] = world.hub.order(shop.user, order["id"])["shipments"]
    assert (shipment["nfe_key"], shipment["nfe_number"]) == (KEY, "13")


@pytest.mark.parametrize("is_forgotten", [False, True])
async def test_an_invoice_that_replaces_another_goes_to_the_shipment_of_that(world: World, is_forgotten: bool) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order)
    await world.sync(shop, Kind.ORDER)
    if is_forgotten:  # as when a worker dies before it notes what it told; then the order is seen again
        await shop.sql("UPDATE rocksync.hub_order SET told = '{}' WHERE tenant_id = $1")
        shop.market.change(order["id"], {"receiver_city": "Natal"})
        await world.sync(shop, Kind.ORDER)
    shop.market.add_shipment(order["id"])
    key = with_check_digit(f"{KEY[:42]}9")
    await shop.sql("UPDATE store.invoice SET key = $2 WHERE tenant_id = $1", key)

    await world.sync(shop, Kind.ORDER)

    assert [one.get("nfe_key") for one in world.hub.order(shop.user, order["id"])["shipments"]] == [key, None]
