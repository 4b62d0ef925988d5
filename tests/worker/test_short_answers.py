"""Answers about a product that leave out what it has: nothing that is at the hub is forgotten for it."""

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.world import Shop, World

TIME_PASSES = "UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1"


async def shop_in_doubt(world: World, change: str) -> Shop:
    """A shop that has sent B with B1 and B2; what came of *change* nobody knows, and the hub shows little of it."""
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    world.hub.add_fault("outage@PUT")
    await shop.sql("UPDATE store.product SET name = 'Outro' WHERE tenant_id = $1")
    await shop.sql(f"{change} WHERE tenant_id = $1 AND sku = 'B2'")
    await world.sync(shop, Kind.PRODUCT)
    world.hub.remove_faults()
    world.hub.add_fault("short-products@GET")
    await shop.sql(TIME_PASSES)
    return shop


async def test_a_variation_that_an_answer_leaves_out_goes_off_sale(world: World) -> None:
    shop = await shop_in_doubt(world, "UPDATE store.variation SET active = false")
    await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1 AND sku = 'B2'")

    await world.sync(shop, Kind.PRODUCT)
    await world.again(shop)

    assert shop.at_hub("B")["name"] == "Outro"
    assert (shop.at_hub("B2")["available"], shop.at_hub("B2")["quantity"]) == (0, 0)


async def test_a_variation_that_moved_is_removed_although_an_answer_leaves_it_out(world: World) -> None:
    shop = await shop_in_doubt(world, "DELETE FROM store.variation")
    await shop.varied("C", "C1")
    await shop.variation("B2", "C")

    await world.sync(shop, Kind.PRODUCT)

    assert [part["sku"] for part in shop.at_hub("B")["variations"]] == ["B1"]
    assert [part["sku"] for part in shop.at_hub("C")["variations"]] == ["B2", "C1"]


async def test_a_variation_that_moved_is_removed_together_with_a_change_that_an_answer_is_read_for(
    world: World,
) -> None:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    world.hub.add_fault("short-products@GET")
    await shop.sql("""UPDATE store.product SET attributes = '{"Cor": "Azul"}' WHERE tenant_id = $1""")
    await shop.varied("C", "C1")
    await shop.sql("UPDATE store.variation SET product_sku = 'C' WHERE tenant_id = $1 AND sku = 'B2'")

    await world.sync(shop, Kind.PRODUCT)

    assert [part["sku"] for part in shop.at_hub("B")["variations"]] == ["B1"]
    assert [part["sku"] for part in shop.at_hub("C")["variations"]] == ["B2", "C1"]
