"""Variations that change hands: from one product to another, and to a product of their own."""

import pytest

from rocksync.domain.tenancy import Kind
from rocksync.sandbox.profile import parse_profile
from tests.worker.world import Shop, World


async def settle(world: World, shop: Shop, *, rounds: int = 2) -> None:
    """Deliver what there is, and after each round what waits for its next attempt."""
    for _ in range(rounds):
        await world.sync(shop)
        await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop)


async def promote(shop: Shop, sku: str) -> None:
    """Make a product of its own of a variation."""
    async with shop.pool.acquire() as connection, connection.transaction():
        await connection.execute("DELETE FROM store.variation WHERE tenant_id = $1 AND sku = $2", shop.id, sku)
        await connection.execute(
            "INSERT INTO store.product (tenant_id, sku, name) VALUES ($1, $2, 'Solo')", shop.id, sku
        )


def held_by(shop: Shop, product: str) -> dict[str, int]:
    """What the hub holds of a product's variations: their stock by SKU."""
    return {variation["sku"]: variation["quantity"] for variation in shop.at_hub(product)["variations"]}


@pytest.mark.parametrize("parent", ["A", "Z"])
async def test_a_variation_becomes_a_product_of_its_own(world: World, parent: str) -> None:
    shop = await world.shop()
    await shop.varied(parent, "M", "N")
    await world.sync(shop)

    await promote(shop, "M")
    await settle(world, shop)
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1 AND sku = 'M'")
    await world.sync(shop)

    assert held_by(shop, parent) == {"N": 5}
    assert (shop.at_hub("M")["name"], shop.at_hub("M")["price"], shop.at_hub("M")["quantity"]) == ("Solo", 10, 8)
    assert {await shop.why(kind, "M") for kind in ("product", "price", "stock")} == {("synced", "in_sync")}


async def test_products_exchange_variations(world: World) -> None:
    shop = await world.shop()
    await shop.varied("A", "A1", "A2")
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)

    await shop.sql(
        "UPDATE store.variation SET product_sku = CASE sku WHEN 'A1' THEN 'B' ELSE 'A' END"
        " WHERE tenant_id = $1 AND sku IN ('A1', 'B1')"
    )
    await settle(world, shop)

    assert [held_by(shop, sku) for sku in "AB"] == [{"A2": 5, "B1": 5}, {"A1": 5, "B2": 5}]
    assert {await shop.why("product", sku) for sku in "AB"} == {("synced", "in_sync")}


async def test_three_products_pass_their_variations_on(world: World) -> None:
    shop = await world.shop()
    for sku in "ABC":
        await shop.varied(sku, f"{sku}1")
    await world.sync(shop)

    await shop.sql("UPDATE store.variation SET product_sku = translate(product_sku, 'ABC', 'BCA') WHERE tenant_id = $1")
    await settle(world, shop)

    assert [held_by(shop, sku) for sku in "ABC"] == [{"C1": 5}, {"A1": 5}, {"B1": 5}]


async def test_a_product_of_its_own_is_not_written_onto_the_variation_that_it_was(world: World) -> None:
    world.hub.profile = parse_profile("lenient")  # such a hub takes the variation for the product
    shop = await world.shop()
    await shop.varied("A", "M", "N")
    await world.sync(shop)

    await promote(shop, "M")
    await shop.sql("DELETE FROM rocksync.change WHERE tenant_id = $1 AND key = 'A'")
    await settle(world, shop)

    assert held_by(shop, "A") == {"N": 5}
    assert (shop.at_hub("M")["name"], shop.at_hub("M")["quantity"]) == ("Solo", 5)


async def test_a_variation_that_comes_back_under_another_product_leaves_the_one_it_was_of(world: World) -> None:
    shop = await world.shop()
    await shop.varied("A", "A1", "A2")
    await shop.varied("B", "B1")
    await world.sync(shop)
    await shop.sql("DELETE FROM store.variation WHERE tenant_id = $1 AND sku = 'A1'")
    await world.sync(shop)

    await shop.variation("A1", "B")
    await settle(world, shop)

    assert [held_by(shop, sku) for sku in "AB"] == [{"A2": 5}, {"A1": 5, "B1": 5}]


async def test_two_that_stand_in_each_others_way_do_not_wake_each_other(world: World) -> None:
    shop = await world.shop()
    shelf = world.hub.account(shop.user).shelf
    for sku, held in (("A", "B1"), ("B", "A1")):
        shelf.create({"sku": sku, "name": sku, "variations": [{"sku": held}]}, world.hub.profile)
    await shop.varied("A", "A1")
    await shop.varied("B", "B1")

    await settle(world, shop, rounds=1)

    assert [(await shop.item("product", sku))["attempts"] for sku in "AB"] == [2, 2]


async def test_a_variation_that_a_refused_product_let_go_of_comes_back_with_its_price_and_units(world: World) -> None:
    shop = await world.shop()
    await shop.varied("A", "A1", "A2")
    await shop.sql("""UPDATE store.product SET attributes = '{"Cor": "Azul"}' WHERE tenant_id = $1""")
    await world.sync(shop)
    shelf = world.hub.account(shop.user).shelf
    shelf.delete(shelf.at_sku("A1", parse_profile("strict+variation_by_sku")), sku="A1")
    world.hub.add_fault("400@PUT /skus/{sku}x1")

    await shop.sql("UPDATE store.product SET attributes = '{}' WHERE tenant_id = $1")
    await shop.sql("UPDATE store.variation SET name = 'Outra' WHERE tenant_id = $1")
    await settle(world, shop)

    assert (shop.at_hub("A1")["price"], shop.at_hub("A1")["quantity"], shop.at_hub("A1")["name"]) == (10, 5, "Outra")


async def test_a_product_that_had_variations_is_sold_again_once_it_is_on_sale_again(world: World) -> None:
    shop = await world.shop()
    await shop.varied("A", "A1")
    await shop.offer("A", on_hand=20)
    await world.sync(shop)
    await shop.sql("DELETE FROM store.variation WHERE tenant_id = $1")
    await settle(world, shop)
    await shop.sql("UPDATE store.product SET active = false WHERE tenant_id = $1")
    await settle(world, shop)
    off_sale = shop.at_hub("A")["quantity"]

    await shop.sql("UPDATE store.product SET active = true WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)
    await settle(world, shop)

    assert (off_sale, shop.at_hub("A")["quantity"], shop.at_hub("A")["available"]) == (0, 20, 1)


@pytest.mark.parametrize("profile", ["strict", "strict+variation_by_sku"])
async def test_a_product_that_may_never_have_arrived_becomes_a_variation(world: World, profile: str) -> None:
    world.hub.profile = parse_profile(profile)
    shop = await world.shop()
    await shop.varied("A", "A1")
    await world.sync(shop)
    await shop.simple("M")
    world.hub.add_fault("outage@PUT")
    await world.sync(shop, Kind.PRODUCT)
    world.hub.remove_faults()
    world.hub.add_fault("5xx-empty@GET /skus/{sku}")
    await shop.sql("DELETE FROM store.product WHERE tenant_id = $1 AND sku = 'M'")
    await shop.variation("M", "A")
    await world.sync(shop)  # which leaves M for later

    await world.again(shop)

    assert held_by(shop, "A") == {"A1": 5, "M": 5}
    assert await shop.why("product", "M") == ("skipped", "inactive")
    assert (await shop.item("product", "M"))["sending"] is None

    await shop.sql("DELETE FROM store.variation WHERE tenant_id = $1 AND sku = 'M'")
    await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1 AND sku = 'M'")
    await world.again(shop)

    assert held_by(shop, "A") == {"A1": 5, "M": 0}
