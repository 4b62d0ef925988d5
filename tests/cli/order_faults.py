"""Everything that can be wrong with an order."""

from datetime import UTC, datetime
from typing import Any

from rocksync.domain.tenancy import Kind
from tests.cli.faults import fault, synced
from tests.worker.world import Shop, World

KEY = "35240711222333000181550010000000121000000122"


async def ordered(world: World, **order: Any) -> tuple[Shop, str]:
    shop = await synced(world)
    placed = shop.market.create_order([{"sku": "A", "quantity": 2, "price": 10}], **order)
    await world.sync(shop, Kind.ORDER)
    return shop, placed["id"]


async def store_id(shop: Shop) -> int:
    return int(await shop.sql("SELECT id FROM store.sales_order WHERE tenant_id = $1"))


async def invoice(shop: Shop, key: str = KEY) -> None:
    await shop.sql(
        "INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)"
        " VALUES ($1, $2, $3, '12', '1', $4)",
        await store_id(shop),
        key,
        datetime(2026, 7, 15, tzinfo=UTC),
    )


async def ship(shop: Shop) -> None:
    await shop.sql(
        "INSERT INTO store.shipment (tenant_id, order_id, carrier, tracking_code) VALUES ($1, $2, 'T', 'QC1BR')",
        await store_id(shop),
    )


def with_check_digit(first_43: str) -> str:
    weights = [2, 3, 4, 5, 6, 7, 8, 9]
    digit = 11 - sum(int(d) * weights[i % 8] for i, d in enumerate(reversed(first_43))) % 11
    return first_43 + str(0 if digit > 9 else digit)


@fault("in_sync")
async def an_order_is_imported(world: World) -> tuple[str, str]:
    _, key = await ordered(world)
    return "order", key


@fault("in_sync")
async def an_order_goes_by_the_number_of_the_store(world: World) -> tuple[str, str]:
    shop, _ = await ordered(world)
    return "order", str(await store_id(shop))


@fault("pending")
async def an_order_was_not_read_yet(world: World) -> tuple[str, str]:
    shop = await synced(world)
    return "order", shop.market.create_order([{"sku": "A", "quantity": 1, "price": 10}])["id"]


@fault("not_selected")
async def an_order_came_too_late_to_be_imported(world: World) -> tuple[str, str]:
    _, key = await ordered(world, status="shipped")
    return "order", key


@fault("not_selected")
async def nobody_knows_the_order(world: World) -> tuple[str, str]:
    await synced(world)
    return "order", "0" * 24


@fault("unknown_sku")
async def an_order_has_a_sku_that_the_store_does_not_know(world: World) -> tuple[str, str]:
    shop = await synced(world)
    placed = shop.market.create_order([{"sku": "GHOST", "quantity": 1, "price": 10}])
    await world.sync(shop, Kind.ORDER)
    return "order", placed["id"]


@fault("invalid_invoice")
async def an_invoice_has_a_wrong_key(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    await invoice(shop, "123")
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("invalid_invoice")
async def tracking_waits_for_an_invoice(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    await ship(shop)
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("status_conflict")
async def a_cancelled_order_was_invoiced(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    shop.market.set_status(key, "canceled")
    await invoice(shop)
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("unconfirmed")
async def an_invoice_does_not_read_back(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    await invoice(shop, with_check_digit(KEY[:43]))
    world.hub.add_fault("dropped-writes@orders")
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("ambiguous_shipment")
async def an_order_has_several_deliveries(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    order = world.hub.order(shop.user, key)
    order["shipments"] = [{"id": "a" * 24, "shipping_company": "X"}, {"id": "b" * 24, "shipping_company": "Y"}]
    await invoice(shop, with_check_digit(KEY[:43]))
    await world.sync(shop, Kind.ORDER)
    return "order", key
