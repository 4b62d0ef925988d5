"""Orders that move on at the hub while something keeps them from being imported."""

from typing import Any

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.test_orders import imported, sell
from tests.worker.world import Shop, World

RESEND = (
    "UPDATE rocksync.item SET resend = true, state = 'pending', changed_at = now() WHERE tenant_id = $1 AND key = $2"
)


async def parked(world: World, status: str = "approved") -> tuple[Shop, dict[str, Any]]:
    """A shop, and an order that waits for SKU NOVO."""
    shop, _ = await sell(world)
    order = shop.market.create_order([{"sku": "NOVO", "quantity": 1}], status=status)
    await world.sync(shop, Kind.ORDER)
    assert await shop.why("order", order["id"]) == ("quarantined", "unknown_sku")
    return shop, order


@pytest.mark.parametrize("status", ["waiting_invoice", "picking", "under_review", "in_separation", "shipped"])
async def test_a_parked_order_that_moves_on_is_imported_as_approved(world: World, status: str) -> None:
    shop, order = await parked(world)
    shop.market.set_status(order["id"], status)
    await world.sync(shop, Kind.ORDER)
    meanwhile = await shop.why("order", order["id"])

    await shop.simple("NOVO", on_hand=3)
    await world.sync(shop, Kind.ORDER)

    assert meanwhile == ("quarantined", "unknown_sku")
    assert (await imported(shop, order))["status"] == "approved"
    assert await shop.stock("NOVO") == (3, 1)
    seen = world.hub.order(shop.user, order["id"])
    assert (seen["status"], seen["ack"]) == (status, True)


@pytest.mark.parametrize(("status", "becomes"), [("in_separation", "pending"), ("picking", "approved")])
async def test_a_parked_order_that_was_only_pending_is_approved_by_what_comes_after_payment(
    world: World, status: str, becomes: str
) -> None:
    shop, order = await parked(world, "pending")
    shop.market.set_status(order["id"], status)
    await world.sync(shop, Kind.ORDER)

    await shop.simple("NOVO", on_hand=3)
    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == becomes


@pytest.mark.parametrize("status", ["canceled", "refunded"])
async def test_a_parked_order_that_is_cancelled_is_not_imported(world: World, status: str) -> None:
    shop, order = await parked(world)
    shop.market.set_status(order["id"], status)
    await world.sync(shop, Kind.ORDER)

    await shop.simple("NOVO", on_hand=3)
    await shop.sql(RESEND, order["id"])
    await world.sync(shop, Kind.ORDER)

    assert await shop.order(order["id"]) is None
    assert await shop.why("order", order["id"]) == ("skipped", "not_selected")
    assert "before it was imported" in (await shop.item("order", order["id"]))["detail"]


async def test_an_order_that_a_mapper_failed_on_is_imported_although_it_has_moved_on(world: World) -> None:
    shop, _ = await sell(world)
    mapper = world.settings.mappers.dir / "loja.py"
    mapper.parent.mkdir()
    mapper.write_text("from rocksync.mapping import hookimpl\n\n@hookimpl\ndef rocksync_map_order():\n    1 / 0\n")
    order = shop.market.create_order([{"sku": "A", "quantity": 1}])
    await world.again(shop)
    assert await shop.why("order", order["id"]) == ("quarantined", "mapper_error")
    shop.market.set_status(order["id"], "waiting_invoice")
    await world.again(shop)

    mapper.unlink()
    await world.again(shop)

    assert (await imported(shop, order))["status"] == "approved"


async def test_an_order_that_only_a_notification_has_told_of_is_imported_although_it_has_moved_on(world: World) -> None:
    shop, _ = await sell(world)
    await world.sync(shop, Kind.ORDER)
    world.hub.add_fault("stale-lists")
    order = shop.market.create_order([{"sku": "NOVO", "quantity": 1}])
    await world.pool.execute("SELECT rocksync.mark_changed($1, 'order', $2)", shop.id, [order["id"]])
    await world.sync(shop, Kind.ORDER)
    assert await shop.why("order", order["id"]) == ("quarantined", "unknown_sku")
    world.hub.remove_faults()
    shop.market.set_status(order["id"], "waiting_invoice")
    await world.sync(shop, Kind.ORDER)

    await shop.simple("NOVO", on_hand=3)
    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == "approved"


async def test_an_order_first_seen_in_another_status_is_not_imported_when_it_is_resent(world: World) -> None:
    shop, order = await sell(world, status="waiting_invoice")
    await world.sync(shop, Kind.ORDER)

    await shop.sql(RESEND, order["id"])
    await world.sync(shop, Kind.ORDER)

    assert await shop.order(order["id"]) is None
    assert await shop.why("order", order["id"]) == ("skipped", "not_selected")


async def test_a_line_that_names_a_product_with_variations_parks_the_order(world: World) -> None:
    shop, _ = await sell(world)
    order = shop.market.create_order([{"sku": "B", "quantity": 1}])
    await world.sync(shop, Kind.ORDER)
    parked = await shop.why("order", order["id"])

    await shop.sql("DELETE FROM store.variation WHERE tenant_id = $1 AND product_sku = 'B'")
    await shop.offer("B", on_hand=3)
    await world.sync(shop, Kind.ORDER)

    assert parked == ("quarantined", "unknown_sku")
    assert (await imported(shop, order))["status"] == "approved"
    assert await shop.stock("B") == (3, 1)


@pytest.mark.parametrize("statement", ["DELETE FROM store.sales_order", "TRUNCATE store.sales_order CASCADE"])
async def test_an_order_that_was_imported_and_deleted_does_not_come_back_because_it_goes_on(
    world: World, statement: str
) -> None:
    shop, order = await sell(world)
    await world.sync(shop, Kind.ORDER)
    await imported(shop, order)
    await world.pool.execute(statement)
    for status in ("picking", "shipped"):
        shop.market.set_status(order["id"], status)
        await world.sync(shop, Kind.ORDER)

    assert await shop.order(order["id"]) is None
    assert await shop.why("order", order["id"]) == ("skipped", "not_selected")


async def test_an_order_that_is_too_large_is_not_imported_because_it_has_moved_on(world: World) -> None:
    shop, _ = await sell(world)
    order = shop.market.create_order([{"sku": "A", "quantity": 2_000_000}], status="approved")
    await world.sync(shop, Kind.ORDER)
    shop.market.set_status(order["id"], "picking")
    await world.sync(shop, Kind.ORDER)

    assert await shop.why("order", order["id"]) == ("quarantined", "invalid_item")
    assert await shop.order(order["id"]) is None


@pytest.mark.parametrize("change", [{"quantity": 0}, {"sku": None}])
async def test_an_order_goes_on_whatever_becomes_of_its_lines_at_the_hub(world: World, change: dict[str, Any]) -> None:
    shop, _ = await sell(world)
    order = shop.market.create_order([{"sku": "A", "quantity": 1}], status="pending")
    await world.sync(shop, Kind.ORDER)
    shown = world.hub.order(shop.user, order["id"])
    shown["items"][0] |= change
    shop.market.set_status(order["id"], "approved")
    await world.sync(shop, Kind.ORDER)

    assert (await imported(shop, order))["status"] == "approved"
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")
