"""Answers about a product that leave out what it has: nothing that is at the hub is forgotten for it."""

import pytest

from rocksync.domain.tenancy import Kind
from rocksync.sync.engine import ATTEMPTS
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


LEAVE = {
    "categories": "UPDATE store.product SET categories = '{Casa}' WHERE tenant_id = $1",
    "attributes": "UPDATE store.product SET attributes = '{}' WHERE tenant_id = $1",
    "attributes of a variation": "UPDATE store.variation SET attributes = '{}' WHERE tenant_id = $1 AND sku = 'B1'",
}


async def shop_to_remove_from(world: World) -> Shop:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2", categories=["Moda", "Casa"], attributes={"Tom": "Claro"})
    await world.sync(shop)
    return shop


def names(shop: Shop) -> tuple[list[str], ...]:
    """The categories and attributes of B, and the attributes of B1."""
    product, variation = shop.at_hub("B"), shop.at_hub("B1")
    arrays = product["categories"], product["attributes"], variation["attributes"]
    return tuple([element.get("code") or element["name"] for element in array] for array in arrays)


@pytest.mark.parametrize("doubt", [False, True])
@pytest.mark.parametrize("what", LEAVE)
async def test_what_left_the_store_is_removed_although_an_answer_leaves_it_out(
    world: World, what: str, doubt: bool
) -> None:
    shop = await shop_to_remove_from(world)
    if doubt:
        world.hub.add_fault("outage@PUT")
        await shop.sql("UPDATE store.product SET name = 'Outro' WHERE tenant_id = $1")
        await world.sync(shop, Kind.PRODUCT)
        world.hub.remove_faults()
        await shop.sql(TIME_PASSES)
    world.hub.add_fault("short-products@GETx1")
    await shop.sql(LEAVE[what])

    await world.sync(shop, Kind.PRODUCT)
    waits = await shop.why("product", "B")
    await world.again(shop)

    assert waits == ("pending", "rejected")
    everything = ["Moda", "Casa"], ["tom"], ["tamanho"]
    left = {"categories": ["Casa"], "attributes": [], "attributes of a variation": []}
    expected = tuple(left[name] if name == what else all_ for name, all_ in zip(left, everything, strict=True))
    assert names(shop) == expected
    assert await shop.why("product", "B") == ("synced", "in_sync")


@pytest.mark.parametrize("what", LEAVE)
async def test_a_hub_that_goes_on_leaving_out_what_is_to_be_removed_is_told_and_holds_up_nothing_else(
    world: World, what: str
) -> None:
    shop = await shop_to_remove_from(world)
    world.hub.add_fault("short-products@GET")
    await shop.sql(LEAVE[what])
    for _ in range(ATTEMPTS):
        await shop.sql(TIME_PASSES)
        await world.sync(shop)

    aside = await shop.item("product", "B")
    await shop.sql("UPDATE store.product SET active = false WHERE tenant_id = $1")
    await world.sync(shop)

    assert (aside["state"], aside["reason"]) == ("quarantined", "rejected")
    assert "cannot be removed" in aside["detail"]
    assert await shop.why("product", "B") == ("skipped", "inactive")
    assert {(shop.at_hub(sku)["available"], shop.at_hub(sku)["quantity"]) for sku in ("B1", "B2")} == {(0, 0)}


async def test_a_hub_that_shows_null_for_what_is_gone_already_is_done_with(world: World) -> None:
    shop = await shop_to_remove_from(world)
    shop.at_hub("B")["attributes"] = None

    await shop.sql(LEAVE["attributes"])
    await world.sync(shop, Kind.PRODUCT)

    assert await shop.why("product", "B") == ("synced", "in_sync")
