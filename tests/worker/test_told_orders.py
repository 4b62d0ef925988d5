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


@pytest.mark.parametrize(
    ("change", "member", "shown"),
    [
        ("xml_url = 'https://nfe.example/nova.xml'", "nfe_link", "https://nfe.example/nova.xml"),
        ("cfops = '5102,6102'", "cfops", "5102,6102"),
        ("number = '13'", "nfe_number", "13"),
        ("series = '2'", "nfe_serie", "2"),
        ("issued_at = '2026-07-16T00:00:00Z'", "nfe_date", "2026-07-16T00:00:00.000Z"),
    ],
)
async def test_a_change_of_an_invoice_that_was_told_is_told_once(
    world: World, change: str, member: str, shown: str
) -> None:
    shop, order = await told(world)

    await shop.sql(f"UPDATE store.invoice SET {change} WHERE tenant_id = $1")
    await world.sync(shop, Kind.ORDER)

    [shipment] = world.hub.order(shop.user, order["id"])["shipments"]
    assert (shipment["nfe_key"], shipment[member]) == (KEY, shown)
    assert await is_told_once(world, shop, order)


@pytest.mark.parametrize(
    ("change", "member", "shown"),
    [
        ("tracking_url = 'https://rastreio.example/2'", "track_url", "https://rastreio.example/2"),
        ("tracking_code = 'QC2'", "track_code", "QC2"),
        ("tracking_code = 'QC3  '", "track_code", "QC3"),
        ("tracking_url = 'https://rastreio.example/3 '", "track_url", "https://rastreio.example/3"),
        ("shipped_at = '2026-07-18T00:00:00Z'", "date_shipped", "2026-07-18T00:00:00.000Z"),
    ],
)
async def test_a_change_of_a_shipment_that_was_told_is_told_once(
    world: World, change: str, member: str, shown: str
) -> None:
    shop, order = await told(world, shipped=True)

    await shop.sql(f"UPDATE store.shipment SET {change} WHERE tenant_id = $1")
    await world.sync(shop, Kind.ORDER)

    [shipment] = world.hub.order(shop.user, order["id"])["shipments"]
    assert (shipment["nfe_key"], shipment[member]) == (KEY, shown)
    assert await is_told_once(world, shop, order)


async def is_told_once(world: World, shop: Shop, order: dict[str, Any]) -> bool:
    """Whether the order is in sync, and nothing is sent when it is looked at again."""
    mark = world.mark()
    for city in ("Natal", "Recife"):
        shop.market.change(order["id"], {"receiver_city": city})
        await world.sync(shop, Kind.ORDER)
    return not world.sent(mark, "PUT") and await shop.why("order", order["id"]) == IN_SYNC


@pytest.mark.parametrize("fault", ["reworded-invoices", "strings-for-numbers"])
async def test_an_invoice_that_the_hub_shows_otherwise_is_told_once(world: World, fault: str) -> None:
    world.hub.add_fault(fault)
    shop, order = await told(world, shipped=True)
    assert await is_told_once(world, shop, order)

    await shop.sql("UPDATE store.invoice SET cfops = '5102,6102' WHERE tenant_id = $1")
    for _ in range(2):
        await world.sync(shop, Kind.ORDER)
        await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")

    assert world.hub.order(shop.user, order["id"])["shipments"][0]["cfops"] == "5102,6102"
    assert await is_told_once(world, shop, order)


async def test_a_change_of_an_invoice_that_the_hub_dropped_is_told_again(world: World) -> None:
    shop, order = await told(world)
    world.hub.add_fault("dropped-writes")
    await shop.sql("UPDATE store.invoice SET xml_url = 'https://nfe.example/nova.xml' WHERE tenant_id = $1")
    await world.sync(shop, Kind.ORDER)
    assert await shop.why("order", order["id"]) == ("pending", "unconfirmed")

    world.hub.remove_faults()
    await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop, Kind.ORDER)

    assert world.hub.order(shop.user, order["id"])["shipments"][0]["nfe_link"] == "https://nfe.example/nova.xml"
    assert await is_told_once(world, shop, order)


async def test_an_invoice_that_the_marketplace_refuses_is_set_aside_until_its_row_changes(world: World) -> None:
    shop, order = await told(world)
    mark = world.mark()
    shop.market.set_status(order["id"], "invoice_error")
    for city in ("Natal", "Recife"):
        await world.sync(shop, Kind.ORDER)
        assert await shop.why("order", order["id"]) == ("quarantined", "rejected")
        shop.market.change(order["id"], {"receiver_city": city})
    assert "invoice_error" in (await shop.item("order", order["id"]))["detail"]
    assert world.sent(mark, "PUT") == []

    await shop.sql("UPDATE store.invoice SET xml_url = 'https://nfe.example/nova.xml' WHERE tenant_id = $1")
    await world.sync(shop, Kind.ORDER)

    seen = world.hub.order(shop.user, order["id"])
    assert (seen["status"], seen["shipments"][0]["nfe_link"]) == ("invoiced", "https://nfe.example/nova.xml")
    assert await shop.why("order", order["id"]) == IN_SYNC


async def test_an_invoice_error_without_an_invoice_waits_for_the_stores(world: World) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    shop.market.set_status(order["id"], "invoice_error")

    await invoice(shop, order)
    await world.sync(shop, Kind.ORDER)

    assert world.hub.order(shop.user, order["id"])["status"] == "invoiced"
    assert await shop.why("order", order["id"]) == IN_SYNC


async def test_an_order_whose_number_the_hub_never_shows_is_acknowledged_once(world: World) -> None:
    world.hub.add_fault("hidden-externals")
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    mark = world.mark()

    assert await is_told_once(world, shop, order)

    assert world.hub.order(shop.user, order["id"])["ack"] is True
    shop.market.change(order["id"], {"ack": False})
    await world.sync(shop, Kind.ORDER)
    assert [entry["body"]["ack"] for entry in world.sent(mark, "PUT")] == [True]


async def test_a_tracking_that_the_hub_shows_otherwise_is_not_done(world: World) -> None:
    shop, order = await told(world, shipped=True)
    await shop.sql(
        "UPDATE store.shipment SET tracking_code = NULL, tracking_url = 'https://t.example/2' WHERE tenant_id = $1"
    )
    world.hub.add_fault("dropped-writes@PUT /orders/{id}x2")
    for _ in range(3):
        await world.sync(shop, Kind.ORDER)
        await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")

    assert await shop.why("order", order["id"]) == IN_SYNC
    assert world.hub.order(shop.user, order["id"])["shipments"][0]["track_url"] == "https://t.example/2"
