"""Orders that people touch: resent by an operator, cancelled in the store alone."""

from typing import Any

import pytest

from rocksync.domain.tenancy import Kind, Tenant
from tests.worker.test_orders import imported, invoice, sell, ship
from tests.worker.world import Shop, World


async def test_an_order_that_is_resent_is_told_again_and_gets_no_second_shipment(world: World) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order)
    await ship(shop, order)
    await world.sync(shop, Kind.ORDER)
    before = len(world.sent(method="PUT"))

    await shop.sql("UPDATE rocksync.item SET resend = true, state = 'pending' WHERE tenant_id = $1 AND kind = 'order'")
    await world.sync(shop, Kind.ORDER)

    assert len(world.sent(method="PUT")) == before + 3  # number, invoice, tracking
    seen = world.hub.order(shop.user, order["id"])
    assert (seen["status"], len(seen["shipments"])) == ("shipping_informed", 1)
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_an_order_that_only_the_store_has_cancelled_is_a_conflict(world: World) -> None:
    shop, order = await sell(world, status="approved")
    await world.sync(shop, Kind.ORDER)
    await shop.sql("UPDATE store.sales_order SET status = 'canceled' WHERE tenant_id = $1")

    await world.sync(shop, Kind.ORDER)

    assert world.hub.order(shop.user, order["id"])["status"] == "approved"
    assert await shop.why("order", order["id"]) == ("quarantined", "status_conflict")


@pytest.mark.parametrize("aside", ["invoiced unseen", "waits for its invoice"])
async def test_an_order_that_is_resent_and_cannot_be_told_is_told_of_once(world: World, aside: str) -> None:
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    if aside == "invoiced unseen":
        await invoice(shop, order)
        shop.market.cancel(order["id"])
    else:
        await ship(shop, order)
    await shop.sql("UPDATE rocksync.item SET resend = true, state = 'pending' WHERE tenant_id = $1 AND kind = 'order'")
    await world.sync(shop, Kind.ORDER)
    set_aside, before = await shop.why("order", order["id"]), world.mark()

    for _ in range(3):
        await shop.sql("UPDATE rocksync.schedule SET due_at = clock_timestamp() WHERE tenant_id = $1")
        await world.sync(shop, Kind.ORDER)

    assert set_aside[0] in {"quarantined", "skipped"}
    assert await shop.why("order", order["id"]) == set_aside
    assert world.sent(before) == []


async def listed_and_to_be_read(world: World) -> tuple[Shop, dict[str, Any]]:
    """A shop, and a new order that a list has shown; a pass over it begins by reading it by itself."""
    shop, _ = await sell(world)
    order = shop.market.create_order([{"sku": "NOVO", "quantity": 1}], status="pending")
    await world.sync(shop, Kind.ORDER)
    await shop.simple("NOVO")
    await shop.sql("UPDATE rocksync.item SET resend = true WHERE tenant_id = $1 AND kind = 'order'")
    return shop, order


async def test_an_order_that_was_read_in_a_status_nobody_knows_is_imported_as_a_list_had_shown_it(world: World) -> None:
    shop, order = await listed_and_to_be_read(world)
    world.hub.add_fault("unknown-status@GET /orders/{id}")

    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == "pending"


async def test_an_order_that_was_read_in_a_status_nobody_knows_is_approved_as_the_list_had_shown(world: World) -> None:
    shop, order = await sell(world, status="pending")
    await world.sync(shop, Kind.ORDER)
    shop.market.approve(order["id"])
    await shop.sql("UPDATE rocksync.item SET resend = true WHERE tenant_id = $1 AND kind = 'order'")
    world.hub.add_fault("unknown-status@GET /orders/{id}")
    await world.sync(shop, Kind.ORDER)
    assert (await imported(shop, order))["status"] == "pending"
    world.hub.remove_faults()

    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == "approved"


async def test_an_order_that_the_hub_once_said_there_is_not_is_imported_when_a_list_shows_it_as_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, order = await listed_and_to_be_read(world)

    async def absent(_tenant: Tenant, _order_id: str) -> None:
        return None

    monkeypatch.setattr(world.app.hub, "order", absent)
    await world.sync(shop, Kind.ORDER)
    assert await shop.order(order["id"]) is None
    monkeypatch.undo()

    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == "pending"
