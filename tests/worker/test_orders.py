"""Orders from the hub into a store, invoices and tracking back: the rules, one by one."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.world import Shop, World, open_world

NFE_KEY = "35240711222333000181550010000000121000000129"


def with_check_digit(first_43: str) -> str:
    weights = [2, 3, 4, 5, 6, 7, 8, 9]
    total = sum(int(d) * weights[i % 8] for i, d in enumerate(reversed(first_43)))
    digit = 11 - total % 11
    return first_43 + str(0 if digit > 9 else digit)


KEY = with_check_digit(NFE_KEY[:43])


async def sell(world: World, **order: Any) -> tuple[Shop, dict[str, Any]]:
    """A shop with SKUs A and B1 of B, synchronised, and an order of two A and one B1 at the hub."""
    shop = await world.shop()
    await shop.simple("A", on_hand=10)
    await shop.varied("B", "B1")
    await world.sync(shop)
    lines = [{"sku": "A", "quantity": 2, "price": 10}, {"sku": "B1", "quantity": 1, "price": 10}]
    return shop, shop.market.create_order(lines, **order)


async def imported(shop: Shop, order: dict[str, Any]) -> asyncpg.Record:
    row = await shop.order(order["id"])
    assert row is not None
    return row


async def invoice(shop: Shop, order: dict[str, Any], key: str = KEY) -> None:
    row = await imported(shop, order)
    await shop.sql(
        "INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at, xml_url, cfops)"
        " VALUES ($1, $2, $3, '12', '1', $4, 'https://nfe.example/12.xml', '5102')",
        row["id"],
        key,
        datetime(2026, 7, 15, 18, 7, 7, tzinfo=UTC),
    )


async def ship(shop: Shop, order: dict[str, Any], code: str = "QC123456729BR") -> None:
    row = await imported(shop, order)
    await shop.sql(
        "INSERT INTO store.shipment (tenant_id, order_id, carrier, method, tracking_code, tracking_url, shipped_at)"
        " VALUES ($1, $2, 'Transportadora', 'Expressa', $3, 'https://rastreio.example/1', $4)",
        row["id"],
        code,
        datetime(2026, 7, 17, 18, 14, tzinfo=UTC),
    )


async def test_an_approved_order_is_imported_whole_and_acknowledged(world: World) -> None:
    shop, order = await sell(world)

    await world.sync(shop, Kind.ORDER)

    row = await imported(shop, order)
    assert (row["status"], row["channel"], row["channel_order"]) == ("approved", order["channel"], order["original_id"])
    assert row["total"] == Decimal(str(order["total"]))
    lines = await shop.pool.fetch("SELECT sku, quantity, unit_price FROM store.sales_order_item ORDER BY line")
    assert [tuple(line) for line in lines] == [("A", 2, Decimal(10)), ("B1", 1, Decimal(10))]
    seen = world.hub.order(shop.user, order["id"])
    assert seen["ack"] is True
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_an_order_is_imported_once_whatever_is_read_again(world: World) -> None:
    shop, order = await sell(world)
    for number in range(3):
        await world.sync(shop, Kind.ORDER)
        shop.market.change(order["id"], {"receiver_city": f"Cidade {number}"})
    await shop.sql("UPDATE rocksync.schedule SET reconciled_at = NULL WHERE tenant_id = $1")
    await world.sync(shop, Kind.ORDER)

    assert await shop.sql("SELECT count(*) FROM store.sales_order WHERE tenant_id = $1") == 1
    assert await shop.sql("SELECT count(*) FROM store.sales_order_item WHERE tenant_id = $1") == 2
    assert await shop.stock("A") == (10, 2)


@pytest.mark.parametrize(
    ("status", "becomes"), [("pending", "pending"), ("partial_payment", "pending"), ("paid", "approved")]
)
async def test_statuses_at_import(world: World, status: str, becomes: str) -> None:
    shop, order = await sell(world, status=status)

    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == becomes


@pytest.mark.parametrize("status", ["canceled", "invoiced", "shipped", "delivered", "in_separation"])
async def test_an_order_first_seen_in_another_status_is_not_imported(world: World, status: str) -> None:
    shop, order = await sell(world, status=status)

    await world.sync(shop, Kind.ORDER)

    assert await shop.order(order["id"]) is None
    assert await shop.why("order", order["id"]) == ("skipped", "not_selected")


async def test_an_order_under_review_is_imported_once_it_is_approved(world: World) -> None:
    shop, order = await sell(world, status="under_review")
    await world.sync(shop, Kind.ORDER)
    assert await shop.order(order["id"]) is None

    shop.market.approve(order["id"])
    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == "approved"


async def test_a_pending_order_is_approved_and_reserves_once(world: World) -> None:
    shop, order = await sell(world, status="pending")
    await world.sync(shop, Kind.ORDER)
    assert await shop.stock("A") == (10, 2)

    shop.market.approve(order["id"])
    await world.sync(shop)

    assert (await imported(shop, order))["status"] == "approved"
    assert await shop.stock("A") == (10, 2)
    assert shop.at_hub("A")["quantity"] == 8


@pytest.mark.parametrize("status", ["canceled", "refunded"])
async def test_a_cancelled_order_gives_its_stock_back(world: World, status: str) -> None:
    shop, order = await sell(world)
    await world.sync(shop)
    assert shop.at_hub("A")["quantity"] == 8

    shop.market.set_status(order["id"], status)
    await world.sync(shop)

    assert (await imported(shop, order))["status"] == "canceled"
    assert await shop.stock("A") == (10, 0)
    assert shop.at_hub("A")["quantity"] == 10


async def test_a_cancelled_order_never_comes_back(world: World) -> None:
    shop, order = await sell(world)
    await world.sync(shop)
    shop.market.cancel(order["id"])
    await world.sync(shop)

    shop.market.approve(order["id"])
    await world.sync(shop)

    assert (await imported(shop, order))["status"] == "canceled"


async def test_reserving_can_be_off_for_a_tenant(world: World) -> None:
    shop = await world.shop(reserve_stock=False)
    await shop.simple("A", on_hand=10)
    await world.sync(shop)
    order = shop.market.create_order([{"sku": "A", "quantity": 2, "price": 10}])

    await world.sync(shop)

    assert await shop.order(order["id"]) is not None
    assert await shop.stock("A") == (10, 0)


async def test_an_unknown_sku_parks_the_order_until_the_sku_appears(world: World) -> None:
    shop, _ = await sell(world)
    order = shop.market.create_order([{"sku": "A", "quantity": 1}, {"sku": "NOVO", "quantity": 1}])
    await world.sync(shop, Kind.ORDER)
    assert await shop.order(order["id"]) is None
    assert await shop.why("order", order["id"]) == ("quarantined", "unknown_sku")
    assert "NOVO" in (await shop.item("order", order["id"]))["detail"]

    await shop.simple("NOVO", on_hand=3)
    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == "approved"
    assert await shop.stock("NOVO") == (3, 1)


async def test_orders_placed_before_activation_are_not_imported(world: World) -> None:
    shop, _ = await sell(world)
    old = shop.market.create_order([{"sku": "A", "quantity": 1}], created="2020-01-01T00:00:00.000Z")

    await world.sync(shop, Kind.ORDER)

    assert await shop.order(old["id"]) is None


async def test_orders_since_a_given_day_are_imported_however_long_ago_that_is(world: World) -> None:
    shop = await world.shop(active=False)
    await shop.simple("A")
    await shop.sql("UPDATE rocksync.tenant SET orders_since = '2026-01-01' WHERE id = $1")
    await world.pool.execute("SELECT rocksync.activate_tenant('loja')")
    placed = "2026-02-01T00:00:00.000Z"
    order = shop.market.create_order([{"sku": "A", "quantity": 1}], created=placed)
    world.hub.order(shop.user, order["id"])["modified"] = placed

    await world.sync(shop)

    assert await shop.order(order["id"]) is not None


async def test_an_invoice_is_told_with_its_data_and_takes_the_stock(world: World) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop)
    await invoice(shop, order)
    assert (await imported(shop, order))["status"] == "invoiced"

    await world.sync(shop)

    seen = world.hub.order(shop.user, order["id"])
    assert seen["status"] == "invoiced"
    [shipment] = seen["shipments"]
    assert (shipment["nfe_key"], shipment["nfe_number"], shipment["nfe_serie"]) == (KEY, "12", "1")
    assert (shipment["nfe_date"], shipment["nfe_link"]) == ("2026-07-15T18:07:07.000Z", "https://nfe.example/12.xml")
    assert shipment["cfops"] == "5102"
    assert await shop.stock("A") == (8, 0)
    assert shop.at_hub("A")["quantity"] == 8
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_tracking_follows_the_invoice_and_makes_no_second_shipment(world: World) -> None:
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    await ship(shop, order)
    await world.sync(shop, Kind.ORDER)
    assert world.hub.order(shop.user, order["id"])["status"] == "approved"
    assert await shop.why("order", order["id"]) == ("skipped", "invalid_invoice")

    await invoice(shop, order)
    await world.sync(shop, Kind.ORDER)

    seen = world.hub.order(shop.user, order["id"])
    [shipment] = seen["shipments"]
    assert seen["status"] == "shipping_informed"
    assert (shipment["nfe_key"], shipment["track_code"]) == (KEY, "QC123456729BR")
    assert (shipment["shipping_company"], shipment["status"]) == ("Transportadora", "shipped")
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_carrier_and_method_of_the_marketplace_are_kept(world: World) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order)
    await ship(shop, order)

    await world.sync(shop, Kind.ORDER)

    [shipment] = world.hub.order(shop.user, order["id"])["shipments"]
    assert (shipment["shipping_company"], shipment["shipping_method"]) == ("Correios", "PAC")
    assert shipment["track_code"] == "QC123456729BR"


async def test_a_status_at_the_hub_is_never_moved_back(world: World) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    shop.market.set_status(order["id"], "shipped")
    await invoice(shop, order)

    await world.sync(shop, Kind.ORDER)

    seen = world.hub.order(shop.user, order["id"])
    assert seen["status"] == "shipped"
    assert seen["shipments"][0]["nfe_key"] == KEY


async def test_a_wrong_invoice_is_set_aside_and_goes_once_it_is_corrected(world: World) -> None:
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order, key=KEY[:-1] + str((int(KEY[-1]) + 1) % 10))
    await world.sync(shop, Kind.ORDER)
    assert await shop.why("order", order["id"]) == ("quarantined", "invalid_invoice")
    assert await shop.stock("A") == (8, 0)  # it has left the house all the same

    await shop.sql("UPDATE store.invoice SET key = $2 WHERE tenant_id = $1", KEY)
    await world.sync(shop, Kind.ORDER)

    assert world.hub.order(shop.user, order["id"])["status"] == "invoiced"


async def test_an_invoice_for_an_order_cancelled_meanwhile_is_a_conflict(world: World) -> None:
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order)
    shop.market.cancel(order["id"])

    await world.sync(shop, Kind.ORDER)

    assert world.hub.order(shop.user, order["id"])["status"] == "canceled"
    assert (await imported(shop, order))["status"] == "canceled"
    assert await shop.why("order", order["id"]) == ("quarantined", "status_conflict")


async def test_a_dropped_write_shows_as_unconfirmed_and_is_written_again(world: World) -> None:
    shop, order = await sell(world, shipment=True)
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order)
    world.hub.add_fault("dropped-writes")
    await world.sync(shop, Kind.ORDER)
    assert await shop.why("order", order["id"]) == ("pending", "unconfirmed")

    world.hub.remove_faults()
    await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop, Kind.ORDER)

    assert world.hub.order(shop.user, order["id"])["status"] == "invoiced"
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_an_import_does_not_wait_for_a_stock_row_the_platform_has_locked(world: World) -> None:
    shop, order = await sell(world)
    platform = await asyncpg.connect(world.database)
    transaction = platform.transaction()
    await transaction.start()
    await platform.execute("UPDATE store.stock SET on_hand = on_hand WHERE tenant_id = $1", shop.id)

    await world.sync(shop)

    assert (await imported(shop, order))["status"] == "approved"
    assert shop.at_hub("A")["quantity"] == 8

    await transaction.rollback()
    await platform.close()
    await world.sync(shop)
    assert await shop.stock("A") == (10, 2)
    assert shop.at_hub("A")["quantity"] == 8


async def test_many_orders_come_over_many_pages(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=1000)
    await world.sync(shop)
    for _ in range(230):
        shop.market.create_order([{"sku": "A", "quantity": 1}])

    await world.sync(shop)

    assert await shop.sql("SELECT count(*) FROM store.sales_order WHERE tenant_id = $1") == 230
    assert await shop.stock("A") == (1000, 230)


async def test_slices_go_on_with_the_orders_that_one_of_them_has_read(
    world: World, database: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """Were all orders read again for each slice, a storm of them would be read all the time and hardly imported."""
    async with open_world(database, pool, world.hub, tmp_path / "other", slice_s=0.1) as hasty:
        shop = await hasty.shop()
        await shop.simple("A", on_hand=1000)
        await hasty.sync(shop)
        for _ in range(230):
            shop.market.create_order([{"sku": "A", "quantity": 1}])
        mark = world.mark()

        summary = await hasty.sync(shop, Kind.ORDER)

    lists = [entry for entry in world.hub.requests(after=mark) if entry["route"] == "/orders"]
    assert await shop.sql("SELECT count(*) FROM store.sales_order WHERE tenant_id = $1") == 230
    assert summary.passes["slice"] > 4
    assert len(lists) <= 3 * 3  # pages when it begins, when it ends, and should it take more than a minute


@pytest.mark.parametrize("fault", ["strings-for-numbers", "nulls", "unknown-members", "external-maps", "broken-text"])
async def test_an_order_is_read_however_the_hub_writes_it(world: World, fault: str) -> None:
    shop, order = await sell(world)
    world.hub.add_fault(fault)

    await world.sync(shop, Kind.ORDER)

    row = await imported(shop, order)
    assert (row["total"], row["placed_at"].tzinfo) == (Decimal(str(order["total"])), UTC)
    assert await shop.sql("SELECT sum(total) FROM store.sales_order_item WHERE tenant_id = $1") == Decimal(30)


async def test_an_order_that_was_only_heard_of_leaves_nothing(world: World) -> None:
    shop, _ = await sell(world)
    await world.pool.execute("SELECT rocksync.mark_changed($1, 'order', $2)", shop.id, ["0" * 24])

    await world.sync(shop, Kind.ORDER)

    assert await shop.sql("SELECT count(*) FROM rocksync.item WHERE tenant_id = $1 AND key = $2", "0" * 24) == 0
